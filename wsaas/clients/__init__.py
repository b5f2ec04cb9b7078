"""The clients' side: Autobahn, with limits, and the session behind it."""
