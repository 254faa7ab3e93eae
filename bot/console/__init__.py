"""The console as a platform: its chat is a folder, its message the terminal's progress bar."""
