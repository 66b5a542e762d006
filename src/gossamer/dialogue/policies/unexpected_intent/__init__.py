"""UnexpecTEDIntentPolicy: notices intents that stories do not have at this point."""
