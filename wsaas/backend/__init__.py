"""The webhooks: what they say, what the backend's answers mean, and the courier that delivers them in order."""
