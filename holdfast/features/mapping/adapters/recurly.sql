/*
title = "Recurly"
keeps = "versions of accounts, subscriptions and invoices where they were loaded (Fivetran's tables of history, the export of subscription history), changes that took effect; creation, end of trial, request to cancel, end and its reason; every attempt to pay; notes on accounts"
loses = "earlier status, seats and prices of a subscription in lists of today, but for changes that took effect; when a pause was asked for; discounts and metered add-ons are no part of mrr, taxes are where prices include them; credit invoices are left out"
aside = ["account_acquisition", "account_balance", "acquisitions", "add_on", "add_ons", "coupon", "coupons", "credit_payment", "credit_payments", "dunning_campaign", "external", "gift_card", "gift_cards", "invoice_coupon_redemption", "item", "items", "measured_unit", "measured_units", "plan_add_on", "plan_currency", "shipping_address", "shipping_method", "shipping_methods", "site", "sites", "subscription_coupon_redemption", "transaction_subscription", "unique_coupon_code", "unique_coupon_codes"]

[objects.account]
names = ["account", "accounts", "account_history"]
needs = ["id", "code", "email", "created"]
key = ["id"]
recorded = ["created", "changed"]
text.id = ["account_code"]
text.code = ["account_code"]
text.state = []
text.company = ["account_company_name"]
text.first_name = ["account_first_name"]
text.last_name = ["account_last_name"]
text.email = ["account_email"]
text.country = ["account_country", "address.country"]
text.billing_country = ["billing_info.address.country"]
text.parent_id = ["parent_account_id", "parent_account_code"]
json.custom_fields = []
text.crm_id = ["custom_field_salesforce_id", "custom_field_salesforce_account_id", "custom_field_hubspot_id", "custom_field_hubspot_company_id", "custom_field_crm_id"]
time.created = ["created_at", "account_created_at"]
time.changed = ["updated_at", "modified_at"]

[objects.billing_info]
names = ["billing_info", "billing_infos", "billing_info_history"]
needs = ["id", "account_id", "country", "valid"]
key = ["id"]
recorded = ["created", "changed"]
text.id = []
text.account_id = []
text.country = ["billing_country", "address.country"]
flag.valid = []
time.created = ["created_at"]
time.changed = ["updated_at", "modified_at"]

[objects.account_note]
names = ["account_note", "account_notes", "account_note_history"]
needs = ["id", "account_id", "object", "message", "created"]
key = ["id"]
recorded = ["created"]
text.id = []
text.account_id = []
text.object = []
text.message = []
text.author = ["user_email", "user.email"]
time.created = ["created_at"]

[objects.subscription]
names = ["subscription", "subscriptions", "subscription_history", "subscriptions_history", "subscriptions_churned", "churned_subscriptions"]
needs = ["id", "account_id", "state", "plan_id"]
key = ["id"]
recorded = ["created", "changed"]
text.id = ["subscription_uuid", "uuid"]
text.account_id = ["account.id", "account_code", "account.code"]
text.email = ["account.email"]
text.state = ["subscription_state"]
text.plan_id = ["plan.id", "plan_code", "plan.code"]
text.plan_name = ["plan.name"]
text.currency = ["subscription_currency"]
number.unit_amount = ["version_subscription_unit_amount"]
number.quantity = ["version_subscription_quantity"]
number.add_ons_total = ["version_add_ons_total", "add_on_amount"]
number.recurring = ["version_total_recurring_amount", "total_recurring_amount", "subtotal"]
text.interval_unit = ["version_plan_interval_unit"]
number.interval_length = ["version_plan_interval_length"]
number.cycles = ["total_billing_cycles", "version_total_billing_cycles"]
flag.auto_renew = ["version_auto_renew"]
flag.in_trial = ["version_in_trial"]
time.created = ["created_at"]
time.changed = ["updated_at", "modified_at", "version_started_at"]
time.activated_at = ["subscription_activated_at"]
time.canceled_at = []
time.expires_at = ["subscription_expires_at"]
time.trial_start = ["trial_started_at"]
time.trial_end = ["trial_ends_at", "trial_ended_at"]
time.period_start = ["current_period_started_at", "current_period_start"]
time.period_end = ["current_period_ends_at", "current_period_end", "current_period_ended_at"]
time.term_start = ["current_term_started_at", "current_term_start"]
time.term_end = ["current_term_ends_at", "current_term_end"]
text.reason = ["expiration_reason"]

[objects.change]
names = ["subscription_change", "subscription_changes", "subscription_change_history"]
needs = ["id", "subscription_id", "activate_at", "activated"]
key = ["id"]
recorded = ["created", "changed"]
text.id = []
text.subscription_id = []
text.plan_id = ["plan.id", "plan_code", "plan.code"]
number.unit_amount = []
number.quantity = []
flag.activated = []
time.activate_at = []
time.created = ["created_at"]
time.changed = ["updated_at"]
time.deleted_at = []

[objects.listed_add_on]
names = ["subscription_add_on", "subscription_add_ons", "subscription_add_on_history", "subscriptions_add_ons"]
needs = ["id", "subscription_id", "add_on", "quantity", "unit_amount"]
key = ["id"]
recorded = ["created", "changed"]
inside = { object = "subscription", path = "add_ons" }
text.id = []
text.subscription_id = ["_dlt_parent_id"]
text.add_on = ["plan_add_on_id", "add_on.id", "add_on_id", "add_on.code"]
text.type = ["add_on.add_on_type", "add_on_type"]
number.quantity = []
number.unit_amount = ["unit_amount_decimal"]
time.created = ["created_at"]
time.changed = ["updated_at"]
time.expired_at = []

[objects.plan]
names = ["plan", "plans", "plan_history"]
needs = ["id", "interval_unit", "interval_length"]
key = ["id"]
recorded = ["created", "changed"]
text.id = ["code", "plan_code"]
text.code = ["plan_code"]
text.name = ["plan_name"]
text.interval_unit = ["plan_interval_unit"]
number.interval_length = ["plan_interval_length"]
number.cycles = ["total_billing_cycles"]
time.created = ["created_at"]
time.changed = ["updated_at", "modified_at"]

[objects.invoice]
names = ["invoice", "invoices", "invoice_history", "invoices_summary"]
needs = ["id", "account_id", "state", "total", "closed_at", "collection_method"]
key = ["id"]
recorded = ["created", "changed", "closed_at"]
text.id = []
text.account_id = ["account.id", "account_code", "account.code"]
text.email = ["account.email"]
text.type = ["invoice_doc_type"]
text.state = ["status"]
text.currency = []
number.total = ["invoice_total"]
number.balance = ["invoice_balance"]
number.paid = []
text.collection_method = []
text.net_terms = []
json.subscription_ids = []
time.created = ["created_at", "billed_date"]
time.changed = ["updated_at", "modified_at"]
time.due_at = ["due_on"]
time.closed_at = []

[objects.invoice_subscription]
names = ["invoice_subscription", "invoice_subscription_history"]
needs = ["invoice_id", "subscription_id", "changed"]
key = ["invoice_id", "subscription_id"]
recorded = ["changed"]
text.invoice_id = []
text.subscription_id = []
time.changed = ["invoice_updated_at"]

[objects.line_item]
names = ["line_item", "line_items", "line_item_history", "invoices_line_items", "adjustments"]
needs = ["id", "invoice_id", "subscription_id"]
key = ["id"]
recorded = ["created", "changed"]
inside = { object = "invoice", path = "line_items" }
text.id = ["adjustment_uuid"]
text.invoice_id = ["_dlt_parent_id"]
text.subscription_id = []
time.created = ["created_at", "adjustment_created_at"]
time.changed = ["updated_at", "adjustment_modified_at"]

[objects.transaction]
names = ["transaction", "transactions", "transaction_history", "invoices_transactions"]
needs = ["id", "invoice_id", "status", "type", "origin", "created"]
key = ["id"]
recorded = ["created", "changed"]
inside = { object = "invoice", path = "transactions" }
text.id = ["transaction_id"]
text.invoice_id = ["invoice.id", "_dlt_parent_id"]
text.origin = []
text.type = []
text.status = []
time.created = ["created_at", "date"]
time.changed = ["updated_at", "modified_at"]
time.collected_at = []
*/
-- table: accounts
WITH seen AS (
  SELECT *, coalesce(_from, changed, _seen) AS known_at, CASE WHEN coalesce(_from, changed) IS NULL THEN 'snapshot' ELSE 'history' END AS basis FROM account WHERE id IS NOT NULL
), state AS (
  SELECT * FROM seen WHERE known_at IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY id, known_at ORDER BY _seen DESC NULLS LAST, _deleted, state, company, last_name, first_name, country, billing_country, parent_id) = 1
), place AS (
  SELECT account_id AS id, coalesce(_from, changed, _seen) AS known_at, CASE WHEN coalesce(_from, changed) IS NULL THEN 'snapshot' ELSE 'history' END AS basis, CASE WHEN NOT _deleted THEN country END AS country
  FROM billing_info WHERE account_id IS NOT NULL AND coalesce(_from, changed, _seen) IS NOT NULL QUALIFY row_number() OVER (PARTITION BY account_id, coalesce(_from, changed, _seen) ORDER BY _seen DESC NULLS LAST, _deleted, country) = 1
), moment AS (
  -- an account without a country has that of its billing info, from when that was known
  SELECT id, known_at, basis FROM state
  UNION ALL
  SELECT p.id, p.known_at, p.basis FROM place p JOIN (SELECT id, min(known_at) AS first FROM state GROUP BY id) s ON s.id = p.id AND p.known_at > s.first ANTI JOIN state t ON t.id = p.id AND t.known_at = p.known_at
), held AS (
  SELECT m.known_at, m.basis, s.* EXCLUDE (known_at, basis) FROM moment m ASOF JOIN state s ON s.id = m.id AND s.known_at <= m.known_at
), dated AS (
  SELECT id, min(created) AS known_at, 'created' AS basis, 1 AS rank, NULL::VARCHAR AS name, NULL::VARCHAR AS country, NULL::VARCHAR AS parent, false AS gone FROM seen WHERE created IS NOT NULL GROUP BY id
  UNION ALL
  SELECT h.id, h.known_at, h.basis, 0, coalesce(h.company, nullif(concat_ws(' ', h.first_name, h.last_name), '')), coalesce(h.country, h.billing_country, p.country), h.parent_id, h._deleted OR coalesce(lower(h.state) IN ('inactive', 'closed'), false)
  FROM held h ASOF LEFT JOIN place p ON p.id = h.id AND p.known_at <= h.known_at
)
SELECT id || '@' || epoch_us(known_at) AS source_id, id AS account_id, known_at, basis AS known_basis, known_at AS valid_from, name, country, parent AS parent_account_id, gone AS deleted
FROM dated QUALIFY row_number() OVER (PARTITION BY id, known_at ORDER BY rank) = 1
-- table: identities
SELECT 'account' AS kind, id AS source_key, NULL::VARCHAR AS account_key, code AS external_id,
  coalesce(crm_id, list_filter(json_extract(CASE WHEN json_valid(custom_fields) THEN custom_fields END, '$[*]'), lambda one: regexp_matches(lower(one->>'name'), '^(salesforce|hubspot|crm)_?(account|company)?_?id$'))[1]->>'value') AS crm_id,
  email, NULL::VARCHAR AS domain, coalesce(company, nullif(concat_ws(' ', first_name, last_name), '')) AS name FROM account WHERE id IS NOT NULL
UNION
SELECT 'account', account_id, NULL, NULL, NULL, email, NULL, NULL FROM subscription WHERE account_id IS NOT NULL
UNION
SELECT 'account', account_id, NULL, NULL, NULL, email, NULL, NULL FROM invoice WHERE account_id IS NOT NULL
UNION
SELECT 'account', account_id, NULL, NULL, NULL, NULL, NULL, NULL FROM account_note WHERE account_id IS NOT NULL
-- table: subscriptions
WITH told AS (
  SELECT * EXCLUDE (state, currency), lower(state) AS state, upper(currency) AS currency, coalesce(_from, changed, _seen) AS known_at, CASE WHEN coalesce(_from, changed) IS NULL THEN 'snapshot' ELSE 'history' END AS basis,
    CASE WHEN lower(state) IN ('canceled', 'expired') THEN lower(state) END AS leaving FROM subscription WHERE id IS NOT NULL
), state AS (
  SELECT *, CASE WHEN state = 'expired' THEN 'canceled' WHEN state = 'paused' THEN 'paused' WHEN state IN ('future', 'pending', 'failed') THEN 'draft'
    WHEN coalesce(in_trial, trial_end > known_at AND coalesce(trial_start <= known_at, true), false) THEN 'trialing' ELSE 'active' END AS status
  FROM told WHERE known_at IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY id, known_at ORDER BY _seen DESC NULLS LAST, _deleted, (expires_at IS NULL), state, plan_id, quantity, unit_amount, recurring, period_end, auto_renew) = 1
), first AS (
  SELECT * FROM told QUALIFY row_number() OVER (PARTITION BY id ORDER BY known_at NULLS LAST, _seen NULLS LAST, state, quantity, unit_amount) = 1
), step AS (
  -- a change that took effect: of lists of today all that is left of the price before
  SELECT * FROM (
    SELECT id AS changed_by, subscription_id AS id, plan_id, unit_amount, quantity, coalesce(activate_at, created) AS since, greatest(coalesce(activate_at, created), coalesce(_from, changed, created, _seen)) AS known_at
    FROM change WHERE activated AND NOT _deleted AND deleted_at IS NULL AND subscription_id IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY changed_by ORDER BY known_at, _seen NULLS LAST, plan_id, unit_amount, quantity) = 1
  ) WHERE since IS NOT NULL QUALIFY row_number() OVER (PARTITION BY id, known_at ORDER BY since DESC, changed_by) = 1
), news AS (
  SELECT c.* FROM step c WHERE NOT EXISTS (FROM state s WHERE s.id = c.id AND s.known_at BETWEEN c.since AND c.known_at)
    AND NOT EXISTS (FROM told t WHERE t.id = c.id AND t.state = 'expired' AND t.expires_at <= c.known_at) AND NOT EXISTS (FROM step d WHERE d.id = c.id AND d.since > c.since AND d.known_at <= c.known_at)
), held AS (
  SELECT *, 0 AS rank FROM state
  UNION ALL BY NAME
  SELECT c.id, c.known_at, 'event' AS basis, 1 AS rank, f.account_id, f.email, CASE WHEN s.status <> 'trialing' THEN s.status WHEN f.trial_end > c.known_at THEN 'trialing' ELSE 'active' END AS status, s.leaving, c.plan_id, c.unit_amount, c.quantity, f.currency,
    s.add_ons_total, s.cycles, s.auto_renew, s.canceled_at, s.expires_at, s.period_start, s.period_end, s.term_start, s.term_end, false AS _deleted
  FROM news c JOIN first f USING (id) ASOF LEFT JOIN state s ON s.id = c.id AND s.known_at <= c.known_at
), opened AS (
  SELECT id, min(known_at) AS known_at FROM held GROUP BY id
), dated AS (
  -- of a state of today only what Recurly dates itself reaches back
  SELECT id, created AS known_at, 'created' AS basis, 6 AS rank, CASE WHEN state IN ('future', 'pending', 'failed') OR activated_at > created THEN 'draft' WHEN trial_end > created THEN 'trialing' ELSE 'active' END AS status FROM first
  UNION ALL
  SELECT id, activated_at, 'event', 5, CASE WHEN trial_end > activated_at THEN 'trialing' ELSE 'active' END FROM first WHERE coalesce(activated_at > created, true) AND state NOT IN ('future', 'pending', 'failed')
  UNION ALL
  SELECT id, trial_end, 'assumed', 4, 'active' FROM first
  WHERE coalesce(trial_end > created, true) AND coalesce(trial_end > activated_at, true) AND coalesce(trial_end <= known_at, true) AND state NOT IN ('future', 'pending', 'failed') AND (state <> 'expired' OR coalesce(trial_end < expires_at, true))
), ending AS (
  SELECT id, canceled_at AS known_at, 3 AS rank, account_id, email, canceled_at, leaving, trial_end, NULL::VARCHAR AS reason,
    -- when it would end was known then, unless it ended otherwise than with its period or term
    CASE WHEN state = 'canceled' OR expires_at BETWEEN period_end - INTERVAL 1 MINUTE AND period_end + INTERVAL 1 MINUTE OR expires_at BETWEEN term_end - INTERVAL 1 MINUTE AND term_end + INTERVAL 1 MINUTE THEN expires_at END AS expires_at
  FROM told WHERE leaving IS NOT NULL AND coalesce(canceled_at <= known_at, true) AND (state <> 'expired' OR coalesce(canceled_at < expires_at, true))
  QUALIFY row_number() OVER (PARTITION BY id, canceled_at ORDER BY told.known_at NULLS LAST, state, expires_at) = 1
  UNION ALL BY NAME
  SELECT id, expires_at AS known_at, 2 AS rank, account_id, email, canceled_at, leaving, NULL::TIMESTAMPTZ AS trial_end, expires_at, reason
  FROM told WHERE state = 'expired' AND coalesce(expires_at <= known_at, true)
  QUALIFY row_number() OVER (PARTITION BY id, expires_at ORDER BY told.known_at NULLS LAST, canceled_at, reason) = 1
), stated AS (
  SELECT * FROM held
  UNION ALL BY NAME
  SELECT d.id, d.known_at, d.basis, d.rank, d.status, f.account_id, f.email, f.activated_at, f.created, false AS _deleted
  FROM dated d JOIN first f USING (id) LEFT JOIN opened o USING (id) WHERE d.known_at IS NOT NULL AND coalesce(d.known_at < o.known_at, true)
  UNION ALL BY NAME
  SELECT e.id, e.known_at, 'event' AS basis, e.rank, e.account_id, e.email, CASE WHEN e.rank = 2 THEN 'canceled' WHEN h.status IN ('active', 'paused') THEN h.status WHEN e.trial_end > e.known_at THEN 'trialing' ELSE 'active' END AS status,
    e.leaving, e.canceled_at, e.expires_at, e.reason, h.plan_id, h.plan_name, h.unit_amount, h.quantity, h.currency, h.add_ons_total, h.recurring, h.interval_unit, h.interval_length, h.cycles, h.period_start, h.period_end, h.term_start, h.term_end,
    coalesce(h.trial_end, e.trial_end) AS trial_end, false AS _deleted
  FROM ending e ASOF LEFT JOIN held h ON h.id = e.id AND h.known_at < e.known_at WHERE e.known_at IS NOT NULL
), once AS (
  SELECT * FROM stated QUALIFY row_number() OVER (PARTITION BY id, known_at ORDER BY rank) = 1
), asked AS (
  -- since when it was known to end: from the first state in a row that says so
  SELECT *, CASE WHEN leaving IS NOT NULL THEN min(CASE WHEN leaving IS NOT NULL THEN least(known_at, canceled_at, CASE WHEN status = 'canceled' THEN expires_at END) END) OVER (PARTITION BY id, run ORDER BY known_at ROWS UNBOUNDED PRECEDING) END AS asked_at FROM (
    SELECT *, sum((leaving IS NULL)::INT) OVER (PARTITION BY id ORDER BY known_at ROWS UNBOUNDED PRECEDING) AS run FROM once
  )
), extra AS (
  SELECT id, moment, CASE WHEN count(*) = count(unit_amount) THEN sum(unit_amount * coalesce(quantity, 1)) END AS total FROM (
    SELECT o.id, o.known_at AS moment, a.* EXCLUDE (id) FROM once o
    JOIN (SELECT *, coalesce(_from, changed, created, _seen) AS told_at FROM listed_add_on WHERE id IS NOT NULL AND coalesce(lower(type), 'fixed') <> 'usage') a ON a.subscription_id = o.id AND a.told_at <= o.known_at
    WHERE o.add_ons_total IS NULL QUALIFY row_number() OVER (PARTITION BY o.id, o.known_at, a.id ORDER BY a.told_at DESC, a._seen DESC NULLS LAST, a.quantity, a.unit_amount) = 1
  ) WHERE NOT _deleted AND coalesce(expired_at > moment, true) GROUP BY ALL
), tariff AS (
  SELECT * FROM (SELECT unnest([id, code]) AS key, name, interval_unit, interval_length, cycles, changed, _seen FROM plan) WHERE key IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY key ORDER BY _seen DESC NULLS LAST, changed DESC NULLS LAST, name) = 1
), priced AS (
  SELECT a.*, coalesce(a.plan_name, t.name, a.plan_id) AS named, coalesce(a.cycles, t.cycles, 1) AS periods, CASE WHEN x.id IS NULL THEN 0 ELSE x.total END AS extras,
    coalesce(CASE WHEN coalesce(a.interval_unit, t.interval_unit) IS NOT NULL THEN months_of(rtrim(lower(coalesce(a.interval_unit, t.interval_unit)), 's'), coalesce(a.interval_length, t.interval_length)) END,
      -- a plan that was not loaded is billed as long as its period, which in a trial is the trial
      CASE WHEN a.period_end > a.period_start AND NOT coalesce(a.period_end <= a.trial_end, false) THEN
        CASE WHEN abs(epoch(a.period_start + to_months(round(date_diff('hour', a.period_start, a.period_end) / 730.5)::INT)) - epoch(a.period_end)) <= 86400 THEN round(date_diff('hour', a.period_start, a.period_end) / 730.5)
          ELSE date_diff('hour', a.period_start, a.period_end) / 24 * 12.0 / 365 END END) AS months
  FROM asked a LEFT JOIN tariff t ON t.key = a.plan_id LEFT JOIN extra x ON x.id = a.id AND x.moment = a.known_at
)
SELECT id || '@' || epoch_us(known_at) AS source_id, account_id, email AS _email, id AS subscription_id, known_at, basis AS known_basis, CASE WHEN rank = 6 THEN least(activated_at, known_at) ELSE known_at END AS valid_from,
  status, named AS plan, coalesce(unit_amount * coalesce(quantity, 1) + coalesce(add_ons_total, extras), recurring) / nullif(months, 0) AS mrr, currency, quantity AS seats, months AS billing_months, months * periods AS term_months,
  coalesce(term_start, CASE WHEN periods = 1 THEN period_start END) AS term_start, coalesce(term_end, CASE WHEN periods = 1 THEN period_end END) AS term_end,
  CASE WHEN leaving IS NOT NULL THEN false ELSE auto_renew END AS auto_renew, asked_at AS cancel_requested_at,
  CASE WHEN status = 'canceled' THEN least(expires_at, known_at) WHEN leaving IS NOT NULL THEN expires_at END AS ends_at, CASE WHEN status = 'canceled' THEN reason END AS cancel_reason, _deleted AS deleted
FROM priced
-- table: invoices
WITH seen AS (
  -- a credit invoice is no claim on the customer
  SELECT * EXCLUDE (state), lower(state) AS state, coalesce(_from, changed, _seen) AS known_at, CASE WHEN coalesce(_from, changed) IS NULL THEN 'snapshot' ELSE 'history' END AS basis
  FROM invoice WHERE id IS NOT NULL AND coalesce(lower(type), '') <> 'credit' AND coalesce(total, 0) >= 0
), last AS (
  SELECT * FROM seen QUALIFY row_number() OVER (PARTITION BY id ORDER BY known_at DESC NULLS LAST, _seen DESC NULLS LAST, _deleted, (closed_at IS NULL), state, total) = 1
), about AS (
  SELECT invoice_id, CASE WHEN count(DISTINCT subscription_id) = 1 THEN min(subscription_id) END AS subscription_id FROM (
    SELECT invoice_id, subscription_id FROM invoice_subscription
    UNION ALL SELECT invoice_id, subscription_id FROM line_item
    UNION ALL SELECT id, unnest(json_extract_string(CASE WHEN json_valid(subscription_ids) THEN subscription_ids END, '$[*]')) FROM invoice
  ) WHERE subscription_id <> '' GROUP BY ALL
), attempt AS (
  -- a payment that was noted by hand bears the date that was noted
  SELECT invoice_id, lower(status) AS status, greatest(created, changed) AS failed_at, greatest(created, collected_at) AS paid_at FROM transaction WHERE invoice_id IS NOT NULL AND coalesce(lower(type), 'purchase') IN ('purchase', 'capture')
  QUALIFY row_number() OVER (PARTITION BY coalesce(id, invoice_id || created::VARCHAR) ORDER BY _seen DESC NULLS LAST, changed DESC NULLS LAST, status, collected_at) = 1
), tried AS (
  SELECT invoice_id, failed_at AS known_at, count(*) OVER (PARTITION BY invoice_id ORDER BY failed_at RANGE UNBOUNDED PRECEDING)::DOUBLE AS failed FROM attempt WHERE status IN ('declined', 'error') AND failed_at IS NOT NULL
), base AS (
  SELECT l.* EXCLUDE (known_at, basis), coalesce(l.created, least(l.due_at, l.known_at)) AS issued_at, coalesce(l.paid, l.total - l.balance, l.total) AS amount_paid, p.paid_at AS collected_at, l.state IN ('paid', 'collected', 'closed') AS settled
  FROM last l LEFT JOIN (SELECT invoice_id, max(paid_at) AS paid_at FROM attempt WHERE status = 'success' GROUP BY ALL) p ON p.invoice_id = l.id
), dated AS (
  SELECT id, issued_at AS known_at, CASE WHEN created IS NULL THEN 'assumed' ELSE 'created' END AS basis, 2 AS rank, NULL::DOUBLE AS failed, CASE WHEN settled THEN coalesce(closed_at, collected_at) END AS paid_at, amount_paid,
    CASE WHEN state = 'failed' THEN closed_at END AS written_off_at, NULL::TIMESTAMPTZ AS voided_at, false AS gone FROM base
  UNION ALL
  SELECT b.id, t.known_at, 'event', 1, t.failed, CASE WHEN b.settled THEN coalesce(b.closed_at, b.collected_at) END, b.amount_paid, CASE WHEN b.state = 'failed' THEN b.closed_at END, NULL, false
  FROM base b JOIN tried t ON t.invoice_id = b.id WHERE t.known_at >= b.issued_at
  UNION ALL
  -- a state that nobody dated is known when it was noted
  SELECT s.id, s.known_at, s.basis, 0, f.failed, CASE WHEN s.state IN ('paid', 'collected', 'closed') THEN coalesce(s.closed_at, b.collected_at, s.known_at) END, coalesce(s.paid, s.total - s.balance, CASE WHEN s.state IN ('paid', 'collected', 'closed') THEN s.total END),
    CASE WHEN s.state = 'failed' THEN coalesce(s.closed_at, s.known_at) END, CASE WHEN s.state IN ('voided', 'void') THEN s.known_at END, s._deleted
  FROM seen s JOIN base b USING (id) ASOF LEFT JOIN tried f ON f.invoice_id = s.id AND f.known_at <= s.known_at WHERE s.known_at >= b.issued_at
)
SELECT d.id || '@' || epoch_us(d.known_at) AS source_id, b.account_id, b.email AS _email, d.id AS invoice_id, a.subscription_id, d.known_at, d.basis AS known_basis, b.issued_at,
  coalesce(b.due_at, CASE WHEN b.collection_method = 'automatic' THEN b.issued_at ELSE b.issued_at + to_days(TRY_CAST(CASE WHEN b.net_terms = 'on-receipt' THEN '0' ELSE regexp_extract(b.net_terms, '\d+') END AS INT)) END) AS due_at,
  b.total AS amount, upper(b.currency) AS currency, d.paid_at, CASE WHEN d.paid_at IS NOT NULL OR d.rank = 0 THEN d.amount_paid END AS amount_paid, d.failed AS failed_attempts, d.written_off_at, d.voided_at, d.gone AS deleted
FROM dated d JOIN base b USING (id) LEFT JOIN about a ON a.invoice_id = d.id WHERE d.known_at IS NOT NULL AND b.issued_at IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY d.id, d.known_at ORDER BY d.rank, d.failed DESC, (d.paid_at IS NULL), d.gone, d.paid_at) = 1
-- table: touchpoints
SELECT 'note:' || id AS source_id, account_id, created AS known_at, 'created' AS known_basis, created AS occurred_at, 'note' AS kind, 'account_note' AS subtype, author AS owner, without_html(message) AS text
FROM account_note WHERE id IS NOT NULL AND created IS NOT NULL AND NOT _deleted QUALIFY row_number() OVER (PARTITION BY id ORDER BY _seen DESC NULLS LAST, message, account_id) = 1
