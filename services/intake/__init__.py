"""Intake: from the first referral to admission, a waiting list with offers, or a reasoned no."""
