"""What people bring: files -> rows -> options and keys -> questions, whatever they are called."""
