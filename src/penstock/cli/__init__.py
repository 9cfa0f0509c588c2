"""The command line. Every command goes through the SDK, to a server or to an engine inside this process."""
