"""As much of ObjectScript as scripts on hosts need."""
