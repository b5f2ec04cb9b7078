"""Which tests hold what the documentation says: a module for each page, a list of tests for each row of its tables.

docs/guarantees_and_tests.rst shows all of it. A row is named by its first cell; a test by its module, class and method,
below tests/.
"""
