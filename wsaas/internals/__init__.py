"""All that relies on what Twisted and Autobahn do not promise. Each part has a plain form to fall back to."""
