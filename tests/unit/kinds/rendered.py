"""What a form gives for the choices that a request makes most."""

from app.text.kinds.form import Form


def default(form: Form) -> str:
    """What a form gives where no size is asked for."""
    return form.render([number for number, part in enumerate(form.parts) if part.is_default])


def whole(form: Form) -> str:
    """What a form gives with all parts."""
    return form.render(range(len(form.parts)))
