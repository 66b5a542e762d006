"""DIET as a scikit-learn estimator."""
