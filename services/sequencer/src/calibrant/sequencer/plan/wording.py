"""Words of what a plan tells people; must not know what it is about."""


def counted(number: int, thing: str) -> str:
    """Return a number of things in words, as "1 product" or "2 products"."""
    return f"{number} {thing}{'' if number == 1 else 's'}"
