"""The one image all lab machines boot: Debian 13 with everything the fleet needs."""
