"""The webhooks: what they say, who carries them, and the HTTP/1.1 client that takes them to the backend."""
