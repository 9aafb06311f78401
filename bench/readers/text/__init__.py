"""What a response says where: its parts, the options it refers to, the answer it states."""
