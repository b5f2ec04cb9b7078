"""Sphinx: python -m sphinx -W docs build/docs"""

project = "WSAAS"
author = "WSAAS contributors"
html_theme = "alabaster"
html_show_copyright = False
exclude_patterns = ["build"]
# Examples are plain text unless they name their language.
highlight_language = "none"
