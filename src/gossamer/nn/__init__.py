"""Network parts on packed batches: encoder, CRF, similarity losses, inputs, the fit loop."""
