"""What has happened in a conversation, and the state it led to."""
