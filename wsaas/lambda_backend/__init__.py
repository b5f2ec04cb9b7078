"""A backend that calls Lambda handlers: webhooks become the events of a Lambda proxy integration."""
