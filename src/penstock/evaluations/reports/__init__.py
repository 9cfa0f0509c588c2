"""What an evaluation found, as files that other programs show: JUnit XML for a build, Markdown for a pull request."""
