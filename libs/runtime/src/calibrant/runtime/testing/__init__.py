"""What tests of services share: a clock and identifiers that tell the same every time, records, a probe service."""
