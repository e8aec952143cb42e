"""How Hypothesis makes examples on a machine that runs other tests meanwhile."""

import hypothesis


def use_patient_examples() -> None:
    """Lets examples take their time: how fast they are made says nothing here."""
    hypothesis.settings.register_profile(
        "portal", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("portal")
