"""Sphinx: python -m sphinx -W docs build/docs"""

import sys
from pathlib import Path

# Pages have parts that are made from the source, and name the tests of their sentences.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

project = "WSAAS"
author = "WSAAS contributors"
extensions = ["docs.generated", "sphinx_copybutton"]
html_theme = "furo"
html_title = "WSAAS"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0b6b58", "color-brand-content": "#0b6b58"},
    "dark_css_variables": {"color-brand-primary": "#5fd0b5", "color-brand-content": "#5fd0b5"},
}
html_css_files = ["custom.css"]
# What is copied is the command, without the prompt or the output.
copybutton_prompt_text = r"\$ "
copybutton_prompt_is_regexp = True
html_static_path = ["_static"]
html_show_copyright = False
exclude_patterns = ["build", "generated"]
# Examples are plain text unless they name their language.
highlight_language = "none"
