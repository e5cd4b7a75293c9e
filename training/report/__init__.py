"""What a person reads about a model: the card and the report page."""
