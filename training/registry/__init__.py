"""The models of a models folder: which one is current, how that changes, whether they are what they say."""
