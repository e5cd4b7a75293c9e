"""Labelled stories: reading them, and finding what in them would mislead a model."""
