"""What all components with a network share: options, features, training, storage."""
