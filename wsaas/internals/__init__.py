"""All code that uses names which Twisted and Autobahn do not promise. Each part has a slow path to fall back to."""
