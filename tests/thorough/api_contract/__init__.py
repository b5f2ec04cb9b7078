"""schemathesis, a client that was not written here, over a live gateway: what /-/openapi.json says is what it does."""
