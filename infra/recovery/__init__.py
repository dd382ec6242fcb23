"""Taking up a run on AWS whose engine was killed: what it began is found in AWS and finished or forgotten."""
