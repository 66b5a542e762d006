"""RulePolicy: short conversations that always go the same way, and forms."""
