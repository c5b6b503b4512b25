"""The example that the OpenAPI document, `/docs` and the README show: real answers of the embedded engine."""

TEXT = (
    "Hi team, just a quick note about yesterday's outage. Around 14:35 UTC the checkout service started to return "
    "errors for some of our customers, and it took us a while to understand what was going on. As far as we can tell "
    "the new version v2.3.1 opened more connections to the database than the pool allows, so requests were waiting "
    "for each other until they timed out. We rolled back to v2.3.0 at 15:10 UTC and everything went back to normal a "
    "few minutes later. In total about 4,300 orders were affected, none of them were lost, and Maria Lindqvist has "
    "already written to the customers who complained. Please do not deploy v2.3.1 in the meantime. Thanks to "
    "everybody who helped out, it was great to see how quickly people jumped in even though it was late for some of "
    "you."
)
