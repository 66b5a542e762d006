"""TED: Transformer Embedding Dialogue, which learns the next action from stories."""
