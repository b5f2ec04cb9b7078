"""Webhooks: their requests, the meaning of the backend's answers, and the courier that delivers them in order."""
