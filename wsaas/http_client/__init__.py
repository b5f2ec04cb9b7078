"""An HTTP/1.1 client with kept-alive connections to one origin. It knows nothing of webhooks."""
