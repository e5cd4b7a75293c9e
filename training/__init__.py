"""Make models: check a labelled corpus, train on it, judge what came out."""
