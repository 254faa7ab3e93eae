"""Telegram: the adapter on python-telegram-bot."""
