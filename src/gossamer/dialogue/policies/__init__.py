"""What comes next: the policies, and which of them decides."""
