"""What a trained model is and does. Knows nothing of HTTP, files of stories, or training."""
