"""What all lives together must have gone through: transitions, recommendations, every guard's no."""

_REACHED = """
T13 T14 T15 T16 T17 T18 T19 T20 T21 T22 T23 T24 T25 T26 T27 T28 T29 T30 T32
advice:down:intensity_reduction:clinician advice:down:intensity_reduction:rule
advice:down:level_change:clinician advice:down:level_change:rule advice:down:transition_taper:clinician
advice:up:intensity_increase:attendance advice:up:intensity_increase:clinician
advice:up:intensity_increase:deterioration advice:up:intensity_increase:relapse
advice:up:level_change:attendance advice:up:level_change:clinician advice:up:level_change:deterioration
advice:up:level_change:relapse advice:up:readmit:at_risk advice:up:readmit:clinician
advice:up:readmit:relapse advice:up:transfer:attendance advice:up:transfer:clinician
advice:up:transfer:deterioration advice:up:transfer:relapse alarm alarm_resolved
approved:down:intensity_reduction approved:down:level_change approved:down:transition_taper
approved:up:intensity_increase approved:up:level_change approved:up:readmit approved:up:transfer assessment
call_made call_missed certification_due certified declined died_before died_later discharge_corrected
escalated expired extension_denied extension_drafted extension_requested goal_met goal_reopened hold_moved
hold_overdue lapse late_measure left:administrative left:completed_court left:completed_goals
left:coverage_ended left:deceased left:declined_further left:dropped_out_no_contact
left:hospitalized_medical left:incarcerated left:left_against_advice left:moved left:never_attended
left:other left:transferred_higher_level left:transferred_lower_level left:transferred_other_provider
loop_closed of_age planned_end_passed referred relapse responded screening screening_due superseded
superseded_up taper_over unused withdrawn alumni in_touch
"""

_REFUSED = """
acknowledge:alert_unknown acknowledge:clinical_role acknowledge:open advise:band advise:below_minimum
advise:clinical_role advise:fewer_minutes advise:higher_level advise:kind advise:level_back_up
advise:lower_level advise:more_minutes advise:no_open_alert advise:not_held advise:once advise:readmit_days
advise:same_level advise:state advise:taper_days aftercare:clinical_role aftercare:exit_measures
aftercare:goals_met aftercare:last_week_closed aftercare:meeting_held aftercare:meeting_on
aftercare:not_held aftercare:relapse_prevention_plan aftercare:state alumni:aftercare_over alumni:consent
alumni:state approve:authorization approve:below_minimum approve:certification approve:clinical_role
approve:effective_on approve:fewer_minutes approve:level_back_up approve:lower_level approve:more_minutes
approve:no_open_alert approve:not_expired approve:not_held approve:once approve:open approve:patient_agreed
approve:readmit_days approve:reassessed approve:relapse_responded approve:same_level approve:state
attest:boolean attest:clinical_role attest:open certify:certifier_credential certify:newer certify:not_ahead
check_in:episode_over check_in:no_check_in_due close_loop:loop_closed death:death_known death:died_in_future
decide:authorization decide:certification decide:clinical_role decide:reason decide:requested
decide:still_ahead decline:clinical_role decline:open decline:relapse_responded discharge:aftercare_offered
discharge:aftercare_over discharge:attempts discharge:channels discharge:clinical_role discharge:days
discharge:director discharge:episode_over discharge:handoff_basis discharge:no_attendance discharge:not_held
discharge:receiving_accepted discharge:receiving_program discharge:risks_discussed discharge:signature
discharge:state discharge:transfer_approved discharge:written_notice hold:clinical_role
hold:expected_return_on hold:held_from hold:state measure:episode_over plan:clinical_role
plan:clinician_signature plan:patient_signature plan:state reassess:assessor_credential
reassess:clinical_role reassess:not_ahead reassess:since_admission refer:follow_up_on request:clinical_role
request:days request:in_time request:max_days request:not_requested request:reasons request:state
resolve:acknowledged resolve:alert_unknown resolve:clinical_role respond:actions respond:added_minutes
respond:band respond:clinical_role respond:expected_return_on respond:not_held respond:state
resume:clinical_role resume:episode_over resume:not_on_hold resume:reassessed resume:rescreened
review:clinical_role review:not_expired review:not_held review:open review:state review:step_up
tested:episode_over tested:used_in_future unused:by_machine unused:clinical_role unused:standing
use:episode_over use:used_in_future alumni:aftercare alumni:not_enrolled alumni:alive discharge:aftercare
discharge:not_enrolled
"""
REACHED, REFUSED = tuple(_REACHED.split()), tuple(_REFUSED.split())
