/*
title = "Paddle"
keeps = "creation, the day a subscription was canceled or paused, every attempt to pay; all states of a subscription in the event log"
loses = "earlier status, seats and prices of a subscription, and when it was asked to end, without the event log, webhooks or daily snapshots"

[objects.customer]
names = ["customer", "customers"]
needs = ["id", "email", "created"]
key = ["id"]
recorded = ["created", "changed"]
text.id = ["customer_id"]
text.name = []
text.email = ["customer_email"]
text.account_id = ["custom_data.account_id", "custom_data.accountId", "custom_data.company_id", "custom_data.tenant_id", "custom_data.organization_id", "custom_data.external_id"]
text.crm_id = ["custom_data.salesforce_id", "custom_data.hubspot_id", "custom_data.crm_id"]
json.custom_data = []
text.status = []
time.created = ["created_at"]
time.changed = ["updated_at"]

[objects.business]
names = ["business", "businesses"]
needs = ["id", "customer_id", "name", "company_number"]
key = ["id"]
recorded = ["created", "changed"]
text.id = []
text.customer_id = []
text.name = []
text.company_number = []
text.account_id = ["custom_data.account_id", "custom_data.external_id"]
text.crm_id = ["custom_data.salesforce_id", "custom_data.hubspot_id", "custom_data.crm_id"]
time.created = ["created_at"]
time.changed = ["updated_at"]

[objects.address]
names = ["address", "addresses"]
needs = ["id", "customer_id", "country_code"]
key = ["id"]
recorded = []
text.id = []
text.customer_id = []
text.country_code = []

[objects.subscription]
names = ["subscription", "subscriptions"]
needs = ["id", "customer_id", "status", "currency", "created"]
key = ["id"]
recorded = ["created", "changed", "canceled_at", "paused_at"]
text.id = ["subscription_id"]
text.customer_id = []
text.status = []
text.currency = ["currency_code"]
time.created = ["created_at"]
time.changed = ["updated_at"]
time.started_at = []
time.first_billed_at = []
time.paused_at = []
time.canceled_at = []
text.collection_mode = []
time.term_start = ["current_billing_period.starts_at"]
time.term_end = ["current_billing_period.ends_at"]
text.interval = ["billing_cycle.interval"]
number.interval_count = ["billing_cycle.frequency"]
text.planned = ["scheduled_change.action"]
time.planned_at = ["scheduled_change.effective_at"]
text.cancel_reason = ["custom_data.cancel_reason", "custom_data.cancellation_reason"]

[objects.listed_item]
names = ["subscriptions_items", "subscription_items", "subscription_item"]
needs = ["price_id", "quantity", "subscription_id"]
key = ["subscription_id", "price_id"]
recorded = []
inside = { object = "subscription", path = "items" }
text.subscription_id = ["_dlt_parent_id"]
text.price_id = ["price.id"]
text.name = ["product.name", "price.name", "price.description"]
text.status = []
flag.recurring = []
number.quantity = []
number.amount = ["price.unit_price.amount"]
text.currency = ["price.unit_price.currency_code"]
text.interval = ["price.billing_cycle.interval"]
number.interval_count = ["price.billing_cycle.frequency"]

[objects.transaction]
names = ["transaction", "transactions"]
needs = ["id", "customer_id", "status", "currency", "created"]
key = ["id"]
recorded = ["created", "changed", "billed_at"]
text.id = ["transaction_id"]
text.customer_id = []
text.subscription_id = []
text.status = []
text.currency = ["currency_code", "details.totals.currency_code"]
number.total = ["details.totals.total", "details_totals_total"]
number.grand_total = ["details.totals.grand_total"]
text.collection_mode = []
text.terms_unit = ["billing_details.payment_terms.interval"]
number.terms = ["billing_details.payment_terms.frequency"]
time.created = ["created_at"]
time.changed = ["updated_at"]
time.billed_at = []

[objects.payment]
names = ["transactions_payments", "transaction_payments"]
needs = ["transaction_id", "status", "payment_attempt_id"]
key = ["payment_attempt_id"]
recorded = ["created", "captured_at"]
inside = { object = "transaction", path = "payments" }
text.transaction_id = ["_dlt_parent_id"]
text.payment_attempt_id = []
text.status = []
time.created = ["created_at"]
time.captured_at = []

[objects.event]
names = ["event", "events", "notifications", "webhooks"]
needs = ["id", "type", "data", "occurred_at"]
key = ["id"]
recorded = ["occurred_at"]
text.id = ["event_id"]
text.type = ["event_type"]
json.data = ["payload.data"]
time.occurred_at = []
*/
-- table: accounts
WITH place AS (
  SELECT customer_id AS id, min(country_code) AS country FROM address WHERE NOT _deleted GROUP BY ALL HAVING count(DISTINCT country_code) = 1
), firm AS (
  SELECT customer_id AS id, min(name) AS name FROM business WHERE NOT _deleted GROUP BY ALL HAVING count(DISTINCT name) = 1
), seen AS (
  SELECT c.*, coalesce(_from, changed, _seen) AS known_at, CASE WHEN coalesce(_from, changed) IS NULL THEN 'snapshot' ELSE 'history' END AS basis FROM customer c WHERE id IS NOT NULL
), dated AS (
  SELECT id, min(created) AS known_at, 'created' AS basis, 1 AS rank, NULL::VARCHAR AS name, NULL::VARCHAR AS country, NULL::VARCHAR AS attrs, false AS gone FROM seen WHERE created IS NOT NULL GROUP BY id
  UNION ALL
  SELECT s.id, s.known_at, s.basis, 0, coalesce(f.name, s.name), p.country, s.custom_data, s._deleted FROM seen s LEFT JOIN firm f USING (id) LEFT JOIN place p USING (id) WHERE s.known_at IS NOT NULL
)
SELECT id || '@' || epoch_us(known_at) AS source_id, id AS account_id, known_at, basis AS known_basis, known_at AS valid_from, name, country, attrs, gone AS deleted
FROM dated QUALIFY row_number() OVER (PARTITION BY id, known_at ORDER BY rank, basis, gone, name, country, attrs) = 1
-- table: identities
SELECT 'account' AS kind, id AS source_key, NULL::VARCHAR AS account_key, account_id AS external_id, crm_id, email, NULL::VARCHAR AS domain, name FROM customer WHERE id IS NOT NULL
UNION
SELECT 'account', customer_id, NULL, account_id, crm_id, NULL, NULL, name FROM business WHERE customer_id IS NOT NULL
UNION
SELECT 'account', customer_id, NULL, NULL, NULL, NULL, NULL, NULL FROM subscription WHERE customer_id IS NOT NULL
UNION
SELECT 'account', customer_id, NULL, NULL, NULL, NULL, NULL, NULL FROM transaction WHERE customer_id IS NOT NULL
-- table: subscriptions
WITH told AS (
  SELECT id, customer_id, status, upper(currency) AS currency, created, started_at, paused_at, canceled_at, term_start, term_end, interval, interval_count, planned, planned_at, cancel_reason,
    coalesce(_from, changed, _seen) AS known_at, CASE WHEN coalesce(_from, changed) IS NULL THEN 'snapshot' ELSE 'history' END AS basis, _deleted AS gone,
    id || '/' || coalesce(epoch_us(_seen), 0) AS list, NULL::JSON AS items, 1 AS rank, _seen
  FROM subscription WHERE id IS NOT NULL
  UNION ALL BY NAME
  SELECT data->>'id' AS id, data->>'customer_id' AS customer_id, data->>'status' AS status, upper(data->>'currency_code') AS currency, TRY_CAST(data->>'created_at' AS TIMESTAMPTZ) AS created,
    TRY_CAST(data->>'started_at' AS TIMESTAMPTZ) AS started_at, TRY_CAST(data->>'paused_at' AS TIMESTAMPTZ) AS paused_at, TRY_CAST(data->>'canceled_at' AS TIMESTAMPTZ) AS canceled_at,
    TRY_CAST(data->>'$.current_billing_period.starts_at' AS TIMESTAMPTZ) AS term_start, TRY_CAST(data->>'$.current_billing_period.ends_at' AS TIMESTAMPTZ) AS term_end,
    data->>'$.billing_cycle.interval' AS interval, TRY_CAST(data->>'$.billing_cycle.frequency' AS DOUBLE) AS interval_count,
    data->>'$.scheduled_change.action' AS planned, TRY_CAST(data->>'$.scheduled_change.effective_at' AS TIMESTAMPTZ) AS planned_at, data->>'$.custom_data.cancel_reason' AS cancel_reason,
    occurred_at AS known_at, 'history' AS basis, false AS gone, 'event/' || id AS list, json_extract(data::JSON, '$.items') AS items, 0 AS rank
  FROM event WHERE type LIKE 'subscription.%' AND json_valid(data) AND occurred_at IS NOT NULL
), state AS (
  SELECT * FROM told WHERE id IS NOT NULL AND known_at IS NOT NULL QUALIFY row_number() OVER (PARTITION BY id, known_at ORDER BY rank, list) = 1
), line AS (
  SELECT subscription_id || '/' || coalesce(epoch_us(_seen), 0) AS list, name, price_id, quantity, amount, currency, interval, interval_count, recurring, status FROM listed_item WHERE subscription_id IS NOT NULL
  UNION ALL BY NAME
  SELECT list, coalesce(i->>'$.product.name', i->>'$.price.name', i->>'$.price.description') AS name, i->>'$.price.id' AS price_id, TRY_CAST(i->>'quantity' AS DOUBLE) AS quantity,
    TRY_CAST(i->>'$.price.unit_price.amount' AS DOUBLE) AS amount, i->>'$.price.unit_price.currency_code' AS currency, i->>'$.price.billing_cycle.interval' AS interval,
    TRY_CAST(i->>'$.price.billing_cycle.frequency' AS DOUBLE) AS interval_count, TRY_CAST(i->>'recurring' AS BOOLEAN) AS recurring, i->>'status' AS status
  FROM (SELECT list, unnest(json_extract(items, '$[*]')) AS i FROM state WHERE items IS NOT NULL)
), bill AS (
  SELECT s.id, s.known_at, string_agg(DISTINCT coalesce(l.name, l.price_id), ' + ' ORDER BY coalesce(l.name, l.price_id)) AS plan, sum(l.quantity) AS seats,
    CASE WHEN count(*) = count(l.amount) THEN sum(monthly(major(l.amount, coalesce(l.currency, s.currency)), coalesce(l.interval, s.interval), coalesce(l.interval_count, s.interval_count)) * coalesce(l.quantity, 1)) END AS mrr
  FROM state s JOIN line l USING (list) WHERE coalesce(l.recurring, true) AND coalesce(l.status, 'active') <> 'inactive' GROUP BY ALL
), first AS (
  SELECT * FROM told WHERE id IS NOT NULL QUALIFY row_number() OVER (PARTITION BY id ORDER BY known_at NULLS LAST, rank, list) = 1
), opened AS (
  SELECT id, min(known_at) AS known_at FROM state GROUP BY id
), stopped AS (
  SELECT DISTINCT id, customer_id, canceled_at AS known_at, 'canceled' AS status FROM told WHERE id IS NOT NULL AND canceled_at IS NOT NULL
  UNION
  SELECT DISTINCT id, customer_id, paused_at, 'paused' FROM told WHERE id IS NOT NULL AND paused_at IS NOT NULL AND coalesce(paused_at < canceled_at, true)
), stated AS (
  SELECT s.*, s.known_at AS billed, 0 AS step FROM state s
  UNION ALL BY NAME
  -- of a state of today only what Paddle dates itself reaches back
  SELECT x.id, x.customer_id, x.known_at, 'event' AS basis, x.status, CASE WHEN x.status = 'canceled' THEN x.known_at END AS canceled_at, s.currency, s.term_start, s.term_end, s.interval, s.interval_count, s.cancel_reason,
    CASE WHEN s.planned = 'cancel' THEN s.planned END AS planned, s.known_at AS billed, 1 AS step, false AS gone
  FROM stopped x ASOF LEFT JOIN state s ON s.id = x.id AND s.known_at < x.known_at
  UNION ALL BY NAME
  SELECT f.id, f.customer_id, f.created AS known_at, 'created' AS basis, CASE WHEN f.started_at IS NULL AND f.status = 'trialing' THEN 'trialing' ELSE 'active' END AS status, 2 AS step, false AS gone
  FROM first f LEFT JOIN opened o USING (id) WHERE f.created IS NOT NULL AND coalesce(f.created < o.known_at, true)
), asked AS (
  -- since when it was known to end: from the first state in a row that says so
  SELECT *, min(CASE WHEN planned = 'cancel' OR status = 'canceled' THEN known_at END) OVER (PARTITION BY id, run) AS asked_at FROM (
    SELECT *, sum((NOT coalesce(planned = 'cancel' OR status = 'canceled', false))::INT) OVER (PARTITION BY id ORDER BY known_at, step DESC ROWS UNBOUNDED PRECEDING) AS run FROM stated
  )
)
SELECT a.id || '@' || epoch_us(a.known_at) AS source_id, a.customer_id AS account_id, a.id AS subscription_id, a.known_at, a.basis AS known_basis, a.known_at AS valid_from,
  CASE WHEN a.status IN ('trialing', 'active', 'past_due', 'paused', 'canceled') THEN a.status ELSE 'draft' END AS status, b.plan, b.mrr, a.currency, b.seats,
  months_of(a.interval, a.interval_count) AS billing_months, months_of(a.interval, a.interval_count) AS term_months, a.term_start, a.term_end,
  CASE WHEN a.step = 0 THEN coalesce(a.planned, '') <> 'cancel' AND a.status <> 'canceled' END AS auto_renew,
  CASE WHEN a.planned = 'cancel' OR a.status = 'canceled' THEN least(a.asked_at, coalesce(a.canceled_at, a.asked_at)) END AS cancel_requested_at,
  CASE WHEN a.status = 'canceled' THEN coalesce(a.canceled_at, a.known_at) WHEN a.planned = 'cancel' THEN a.planned_at END AS ends_at,
  CASE WHEN a.planned = 'cancel' OR a.status = 'canceled' THEN a.cancel_reason END AS cancel_reason, a.gone AS deleted
FROM asked a LEFT JOIN bill b ON b.id = a.id AND b.known_at = a.billed
QUALIFY row_number() OVER (PARTITION BY a.id, a.known_at ORDER BY a.step, a.status) = 1
-- table: invoices
WITH seen AS (
  SELECT *, coalesce(_from, changed, _seen) AS known_at, CASE WHEN coalesce(_from, changed) IS NULL THEN 'snapshot' ELSE 'history' END AS basis FROM transaction
  WHERE id IS NOT NULL AND created IS NOT NULL AND (billed_at IS NOT NULL OR status IN ('billed', 'paid', 'completed', 'past_due'))
), last AS (
  SELECT * FROM seen QUALIFY row_number() OVER (PARTITION BY id ORDER BY known_at DESC NULLS LAST, _seen DESC NULLS LAST, _deleted, status) = 1
), attempt AS (
  SELECT * FROM payment WHERE transaction_id IS NOT NULL QUALIFY row_number() OVER (PARTITION BY transaction_id, coalesce(payment_attempt_id, created::VARCHAR) ORDER BY _seen DESC NULLS LAST, captured_at, status) = 1
), tried AS (
  SELECT transaction_id, created AS known_at, count(*) OVER (PARTITION BY transaction_id ORDER BY created RANGE UNBOUNDED PRECEDING)::DOUBLE AS failed FROM attempt WHERE status IN ('error', 'dropped') AND created IS NOT NULL
), base AS (
  SELECT l.* EXCLUDE (known_at, basis), coalesce(l.billed_at, l.created) AS issued_at, major(coalesce(l.total, l.grand_total), l.currency) AS amount, p.captured_at
  FROM last l LEFT JOIN (SELECT transaction_id, min(captured_at) AS captured_at FROM attempt WHERE status = 'captured' GROUP BY ALL) p ON p.transaction_id = l.id
), dated AS (
  SELECT id, created AS known_at, 'created' AS basis, 2 AS rank, NULL::DOUBLE AS failed, captured_at AS paid_at, NULL::TIMESTAMPTZ AS voided_at, false AS gone FROM base
  UNION ALL
  SELECT b.id, t.known_at, 'event', 1, t.failed, b.captured_at, NULL, false FROM base b JOIN tried t ON t.transaction_id = b.id WHERE t.known_at > b.created
  UNION ALL
  SELECT s.id, s.known_at, s.basis, 0, f.failed, coalesce(b.captured_at, CASE WHEN s.status IN ('paid', 'completed') THEN s.known_at END), CASE WHEN s.status = 'canceled' THEN s.known_at END, s._deleted
  FROM seen s JOIN base b USING (id) ASOF LEFT JOIN tried f ON f.transaction_id = s.id AND f.known_at <= s.known_at WHERE s.known_at > s.created
)
SELECT d.id || '@' || epoch_us(d.known_at) AS source_id, b.customer_id AS account_id, d.id AS invoice_id, b.subscription_id, d.known_at, d.basis AS known_basis, b.issued_at,
  CASE WHEN b.collection_mode = 'automatic' THEN b.issued_at WHEN b.terms IS NOT NULL THEN b.issued_at + to_days((b.terms * CASE b.terms_unit WHEN 'week' THEN 7 WHEN 'month' THEN 30 WHEN 'year' THEN 365 ELSE 1 END)::INT) END AS due_at,
  b.amount, upper(b.currency) AS currency, d.paid_at, CASE WHEN d.paid_at IS NOT NULL THEN b.amount END AS amount_paid, d.failed AS failed_attempts, d.voided_at, d.gone AS deleted
FROM dated d JOIN base b USING (id)
QUALIFY row_number() OVER (PARTITION BY d.id, d.known_at ORDER BY d.rank, d.failed DESC, d.paid_at) = 1
