"""The HTTP service: a Flask app factory and its routes."""
