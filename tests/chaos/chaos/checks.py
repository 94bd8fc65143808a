"""All checks of what is left, in the order in which a person wants to read them."""

from chaos.acquisition_checks import commands, exposures, runs, steps
from chaos.checked import Check
from chaos.delivery_checks import dead_letters, executions, inboxes, offsets, outboxes, scratch
from chaos.product_checks import certifications, files, products, publications, ranges

CHECKS: tuple[Check, ...] = (
    runs,
    exposures,
    steps,
    commands,
    products,
    certifications,
    publications,
    ranges,
    files,
    inboxes,
    outboxes,
    offsets,
    executions,
    dead_letters,
    scratch,
)
