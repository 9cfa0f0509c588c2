"""How answers are read: finding numbers, choices, words, sentences and JSON in what a model wrote."""
