"""Sphinx: python -m sphinx -W docs build/docs"""

project = "WSAAS"
author = "WSAAS contributors"
html_theme = "alabaster"
# Wide enough for lines of 110 characters in code, and for the tables.
html_theme_options = {
    "description": "WebSockets as a service",
    "fixed_sidebar": True,
    "page_width": "1280px",
    "body_max_width": "980px",
    "sidebar_width": "240px",
    "font_size": "16px",
    "code_font_size": "0.82em",
}
html_static_path = ["_static"]
html_show_copyright = False
exclude_patterns = ["build"]
# Examples are plain text unless they name their language.
highlight_language = "none"
