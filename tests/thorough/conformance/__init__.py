"""The Autobahn test suite's server cases against a real gateway with the demo's echo.

Run it by `python -m tests.thorough.conformance`.
"""
