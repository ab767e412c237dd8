/*
title = "Stripe"
keeps = "creation, end of trial, request to cancel, end; what happens to an invoice, and every charge; events for 30 days"
loses = "past status, seats and prices, where neither subscription_history nor daily snapshots were kept; discounts and metered use are no part of mrr, a price in tiers leaves it empty; test mode is left out beside live data"
aside = ["account", "coupon", "discount", "subscription_discount"]

[objects.customer]
names = ["customer", "customers", "unified_customers"]
needs = ["id", "created", "email"]
key = ["id"]
recorded = ["created"]
text.id = []
text.name = []
text.email = []
text.domain = ["metadata.domain", "domain (metadata)", "metadata.website"]
text.country = ["address_country", "address.country", "Card Address Country"]
text.currency = []
text.segment = ["metadata.segment", "segment (metadata)"]
text.industry = ["metadata.industry", "industry (metadata)"]
text.account_id = ["metadata.account_id", "account_id (metadata)", "metadata.accountId", "metadata.company_id", "metadata.tenant_id", "metadata.organization_id"]
text.external_id = ["metadata.external_id", "external_id (metadata)", "metadata.externalId"]
text.crm_id = ["metadata.salesforce_id", "metadata.salesforce_account_id", "metadata.hubspot_id", "metadata.hubspot_company_id", "metadata.crm_id", "crm_id (metadata)", "salesforce_id (metadata)", "hubspot_id (metadata)"]
json.metadata = []
time.created = ["Created (UTC)"]
flag.livemode = []

[objects.subscription]
names = ["subscription", "subscriptions", "subscription_history"]
needs = ["id", "customer_id", "status", "created"]
key = ["id"]
recorded = ["created", "canceled_at", "ended_at", "current_period_start"]
text.id = []
text.customer_id = ["customer.id", "customer", "Customer ID"]
text.customer_email = ["Customer Email"]
text.status = []
text.plan_id = ["plan.id", "Plan"]
text.plan_name = ["plan.nickname", "Product"]
text.product_id = ["plan.product"]
number.amount = ["plan.amount", "Amount"]
text.currency = ["plan.currency"]
text.interval = ["plan.interval"]
number.interval_count = ["plan.interval_count"]
text.billing_scheme = ["plan.billing_scheme"]
text.usage_type = ["plan.usage_type"]
number.quantity = []
time.created = ["Created (UTC)"]
time.start_date = ["Start Date (UTC)", "Start (UTC)", "start"]
time.trial_start = ["Trial Start (UTC)"]
time.trial_end = ["Trial End (UTC)"]
time.canceled_at = ["Canceled At (UTC)"]
time.ended_at = ["Ended At (UTC)"]
time.cancel_at = ["Cancel At (UTC)"]
flag.cancel_at_period_end = []
time.current_period_start = ["Current Period Start (UTC)"]
time.current_period_end = ["Current Period End (UTC)"]
text.reason = ["cancellation_details.reason", "Cancellation Reason"]
text.feedback = ["cancellation_details.feedback"]
text.comment = ["cancellation_details.comment"]
text.dashboard = ["Created (UTC)", "Start (UTC)", "Start Date (UTC)"]
flag.livemode = []

[objects.listed_item]
names = ["subscriptions_items", "subscription_items", "subscriptions_items_data"]
needs = ["id", "_dlt_parent_id"]
key = ["id"]
recorded = []
inside = { object = "subscription", path = "items.data" }
text._dlt_parent_id = []
text.subscription_id = []
text.id = []
text.price_id = ["price.id", "plan.id"]
text.name = ["price.nickname", "plan.nickname"]
text.product_id = ["price.product", "plan.product"]
number.amount = ["price.unit_amount_decimal", "price.unit_amount", "plan.amount"]
text.currency = ["price.currency", "plan.currency"]
text.interval = ["price.recurring.interval", "plan.interval"]
number.interval_count = ["price.recurring.interval_count", "plan.interval_count"]
text.billing_scheme = ["price.billing_scheme", "plan.billing_scheme"]
text.usage_type = ["price.recurring.usage_type", "plan.usage_type"]
text.price_type = ["price.type"]
number.divide_by = ["price.transform_quantity.divide_by", "plan.transform_usage.divide_by"]
text.rounding = ["price.transform_quantity.round", "plan.transform_usage.round"]
number.quantity = []
time.current_period_start = []
time.current_period_end = []

[objects.item]
names = ["subscription_item", "subscription_items"]
needs = ["id", "subscription_id"]
key = ["id"]
recorded = ["created", "current_period_start"]
text.id = []
text.subscription_id = ["subscription"]
text.plan_id = ["plan.id"]
text.price_id = ["price.id", "price"]
number.quantity = []
time.created = []
time.current_period_start = []
time.current_period_end = []

[objects.plan]
names = ["plan", "plans"]
needs = ["id", "interval"]
key = ["id"]
recorded = ["created"]
text.id = []
text.name = ["nickname"]
text.product_id = ["product.id", "product"]
number.amount = ["amount_decimal"]
text.currency = []
text.interval = []
number.interval_count = []
text.billing_scheme = []
text.usage_type = []
number.divide_by = ["transform_usage.divide_by"]
text.rounding = ["transform_usage.round"]
time.created = []

[objects.price]
names = ["price", "prices"]
needs = ["id", "product_id", "unit_amount"]
key = ["id"]
recorded = ["created"]
text.id = []
text.name = ["nickname"]
text.product_id = ["product.id", "product"]
number.unit_amount = []
number.unit_amount_decimal = []
text.currency = []
text.interval = ["recurring.interval"]
number.interval_count = ["recurring.interval_count"]
text.billing_scheme = []
text.usage_type = ["recurring.usage_type"]
text.price_type = ["type"]
number.divide_by = ["transform_quantity.divide_by"]
text.rounding = ["transform_quantity.round"]
time.created = []

[objects.product]
names = ["product", "products"]
needs = ["id", "name", "created"]
key = ["id"]
recorded = ["created", "updated"]
text.id = []
text.name = []
time.created = []
time.updated = []

[objects.invoice]
names = ["invoice", "invoices", "invoice_history"]
needs = ["id", "customer_id", "amount_due"]
key = ["id"]
recorded = ["created", "finalized_at", "paid_at", "uncollectible_at", "voided_at"]
text.id = []
text.customer_id = ["customer.id", "customer"]
text.customer_email = []
text.subscription_id = ["subscription.id", "subscription", "parent.subscription_details.subscription"]
text.status = []
text.currency = []
number.total = []
number.amount_due = []
number.amount_paid = []
number.attempt_count = []
flag.paid = []
text.collection_method = ["billing"]
time.created = ["Date (UTC)", "Created (UTC)"]
time.finalized_at = ["status_transitions.finalized_at", "Finalized At (UTC)"]
time.paid_at = ["status_transitions.paid_at", "Paid At (UTC)"]
time.uncollectible_at = ["status_transitions.marked_uncollectible_at", "Marked Uncollectible At (UTC)"]
time.voided_at = ["status_transitions.voided_at", "Voided At (UTC)"]
time.due_date = ["Due Date (UTC)"]
time.period_end = ["Period End (UTC)"]
text.dashboard = ["Date (UTC)", "Created (UTC)", "Finalized At (UTC)"]
flag.livemode = []

[objects.charge]
names = ["charge", "charges"]
needs = ["id", "invoice_id", "created", "status"]
key = ["id"]
recorded = ["created"]
text.id = []
text.invoice_id = ["invoice.id", "invoice"]
text.status = []
flag.paid = []
time.created = []

[objects.event]
names = ["event", "events"]
needs = ["id", "type", "object", "created"]
key = ["id"]
recorded = ["created"]
text.id = []
text.type = []
json.object = ["data.object"]
time.created = []
*/
-- table: accounts
WITH said AS (
  SELECT * FROM customer WHERE coalesce(livemode, true) = (SELECT bool_or(coalesce(livemode, true)) FROM customer)
), dated AS (
  -- a customer is known from its creation; its name, place and currency may have changed since
  SELECT id, created AS stamp, 'created' AS basis, 1 AS rank, false AS gone,
    NULL::VARCHAR AS name, NULL::VARCHAR AS country, NULL::VARCHAR AS currency, NULL::VARCHAR AS segment, NULL::VARCHAR AS industry, NULL::VARCHAR AS metadata
  FROM said WHERE created IS NOT NULL
  UNION ALL
  SELECT id, _seen, _basis, 0, _deleted, name, country, upper(currency), segment, industry, metadata FROM said WHERE _seen IS NOT NULL
  UNION ALL
  SELECT object->>'id', created, 'event', -1, true, NULL, NULL, NULL, NULL, NULL, NULL FROM event WHERE type = 'customer.deleted'
)
SELECT id || '@' || epoch_us(stamp) AS source_id, id AS account_id, stamp AS known_at, basis AS known_basis, stamp AS valid_from,
  name, country, currency, segment, industry, metadata AS attrs, gone AS deleted
FROM dated WHERE id IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY id, stamp ORDER BY rank, gone, name, country, currency, segment, industry, metadata) = 1
-- table: identities
SELECT 'account' AS kind, id AS source_key, NULL::VARCHAR AS account_key, coalesce(account_id, external_id) AS external_id, crm_id, email, site_domain(domain) AS domain, name
FROM customer WHERE id IS NOT NULL
UNION
SELECT 'account', customer_id, NULL, NULL, NULL, customer_email, NULL, NULL FROM subscription WHERE customer_id IS NOT NULL
UNION
SELECT 'account', customer_id, NULL, NULL, NULL, customer_email, NULL, NULL FROM invoice WHERE customer_id IS NOT NULL
-- table: subscriptions
WITH told AS (
  -- every state that was told of a subscription: by lists, by snapshots and by events
  SELECT id, customer_id, customer_email, status, created, start_date, trial_end, canceled_at, ended_at, cancel_at,
    coalesce(cancel_at_period_end, false) AS at_period_end, current_period_start, current_period_end,
    nullif(concat_ws(': ', reason, feedback, comment), '') AS cancel_reason, _seen AS stamp, _basis AS basis, _deleted AS gone,
    plan_id, plan_name, product_id, amount * CASE WHEN dashboard IS NULL THEN 1 ELSE 1 / major(1, currency) END AS amount,
    currency, interval, interval_count, billing_scheme, usage_type, quantity, 0 AS rank
  FROM subscription WHERE coalesce(livemode, true) = (SELECT bool_or(coalesce(livemode, true)) FROM subscription)
  UNION ALL BY NAME
  SELECT object->>'id' AS id, object->>'customer' AS customer_id, object->>'status' AS status,
    to_timestamp((object->>'created')::DOUBLE) AS created, to_timestamp((object->>'start_date')::DOUBLE) AS start_date,
    to_timestamp((object->>'trial_end')::DOUBLE) AS trial_end, to_timestamp((object->>'canceled_at')::DOUBLE) AS canceled_at,
    to_timestamp((object->>'ended_at')::DOUBLE) AS ended_at, to_timestamp((object->>'cancel_at')::DOUBLE) AS cancel_at,
    coalesce((object->>'cancel_at_period_end')::BOOLEAN, false) AS at_period_end,
    to_timestamp((object->>'current_period_start')::DOUBLE) AS current_period_start,
    to_timestamp((object->>'current_period_end')::DOUBLE) AS current_period_end,
    nullif(concat_ws(': ', object->>'$.cancellation_details.reason', object->>'$.cancellation_details.feedback', object->>'$.cancellation_details.comment'), '') AS cancel_reason,
    created AS stamp, 'history' AS basis, false AS gone, 1 AS rank
  FROM event WHERE type LIKE 'customer.subscription.%'
), state AS (
  SELECT *, id || '@' || epoch_us(stamp) AS version FROM told WHERE id IS NOT NULL AND stamp IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY id, stamp ORDER BY rank, (ended_at IS NULL), (canceled_at IS NULL), status, canceled_at, quantity, amount) = 1
), tariff AS (
  SELECT * FROM (
    SELECT id, name, product_id, amount, currency, interval, interval_count, billing_scheme, usage_type, 'recurring' AS price_type, divide_by, rounding, _seen FROM plan
    UNION ALL BY NAME
    SELECT id, name, product_id, coalesce(unit_amount_decimal, unit_amount) AS amount, currency, interval, interval_count, billing_scheme, usage_type, price_type, divide_by, rounding, _seen FROM price
  ) QUALIFY row_number() OVER (PARTITION BY id ORDER BY _seen DESC NULLS LAST, amount, name) = 1
), goods AS (
  SELECT id, name FROM product QUALIFY row_number() OVER (PARTITION BY id ORDER BY _seen DESC NULLS LAST, name) = 1
), listed AS (
  -- the items that a state lists itself
  SELECT subscription_id || '@' || epoch_us(_seen) AS version, id AS item, price_id, name, product_id, amount, currency, interval, interval_count,
    billing_scheme, usage_type, price_type, divide_by, rounding, quantity, current_period_start, current_period_end
  FROM listed_item WHERE id IS NOT NULL AND subscription_id IS NOT NULL AND _seen IS NOT NULL
  UNION ALL BY NAME
  SELECT version, one->>'id' AS item, coalesce(one->>'$.price.id', one->>'$.plan.id') AS price_id,
    coalesce(one->>'$.price.nickname', one->>'$.plan.nickname') AS name, coalesce(one->>'$.price.product', one->>'$.plan.product') AS product_id,
    TRY_CAST(coalesce(one->>'$.price.unit_amount_decimal', one->>'$.price.unit_amount', one->>'$.plan.amount') AS DOUBLE) AS amount,
    coalesce(one->>'$.price.currency', one->>'$.plan.currency') AS currency,
    coalesce(one->>'$.price.recurring.interval', one->>'$.plan.interval') AS interval,
    TRY_CAST(coalesce(one->>'$.price.recurring.interval_count', one->>'$.plan.interval_count') AS DOUBLE) AS interval_count,
    coalesce(one->>'$.price.billing_scheme', one->>'$.plan.billing_scheme') AS billing_scheme,
    coalesce(one->>'$.price.recurring.usage_type', one->>'$.plan.usage_type') AS usage_type, one->>'$.price.type' AS price_type,
    TRY_CAST(one->>'$.price.transform_quantity.divide_by' AS DOUBLE) AS divide_by, one->>'$.price.transform_quantity.round' AS rounding,
    TRY_CAST(one->>'quantity' AS DOUBLE) AS quantity, to_timestamp(TRY_CAST(one->>'current_period_start' AS DOUBLE)) AS current_period_start,
    to_timestamp(TRY_CAST(one->>'current_period_end' AS DOUBLE)) AS current_period_end
  FROM (
    SELECT object->>'id' || '@' || epoch_us(created) AS version, unnest(json_extract(object::JSON, '$.items.data[*]')) AS one
    FROM event WHERE type LIKE 'customer.subscription.%'
  ) WHERE version IS NOT NULL
), moment AS (
  -- when a state is dated, or an item of one that lists none changed
  SELECT DISTINCT id, stamp FROM state
  UNION
  SELECT i.subscription_id, i._seen FROM item i JOIN (SELECT id, min(stamp) AS first FROM state GROUP BY id) s ON s.id = i.subscription_id AND i._seen > s.first
  WHERE i.subscription_id NOT IN (SELECT split_part(version, '@', 1) FROM listed)
), held AS (
  SELECT m.stamp AS moment, s.* EXCLUDE (stamp), s.stamp, CASE WHEN s.stamp = m.stamp THEN s.basis ELSE 'snapshot' END AS known
  FROM moment m ASOF JOIN state s ON s.id = m.id AND s.stamp <= m.stamp
), line AS (
  SELECT h.id, h.moment, l.* EXCLUDE (version) FROM held h JOIN listed l ON l.version = h.version
  UNION ALL BY NAME
  SELECT h.id, h.moment, i.id AS item, coalesce(i.price_id, i.plan_id) AS price_id, i.quantity, i.current_period_start, i.current_period_end
  FROM held h JOIN (SELECT * FROM item WHERE _seen IS NOT NULL) i ON i.subscription_id = h.id AND i._seen <= h.moment
  WHERE h.version NOT IN (SELECT version FROM listed)
  QUALIFY row_number() OVER (PARTITION BY h.id, h.moment, i.id ORDER BY i._seen DESC, i.quantity) = 1 AND NOT i._deleted
  UNION ALL BY NAME
  SELECT id, moment, 'own' AS item, plan_id AS price_id, plan_name AS name, product_id, amount, currency, interval, interval_count, billing_scheme, usage_type, quantity
  FROM held WHERE version NOT IN (SELECT version FROM listed)
    AND id NOT IN (SELECT subscription_id FROM item WHERE subscription_id IS NOT NULL AND _seen IS NOT NULL)
), priced AS (
  SELECT l.id, l.moment, l.current_period_start, l.current_period_end, l.quantity,
    coalesce(l.name, t.name, g.name, l.price_id) AS plan, upper(coalesce(l.currency, t.currency)) AS currency,
    months_of(coalesce(l.interval, t.interval), coalesce(l.interval_count, t.interval_count)) AS months,
    coalesce(l.usage_type, t.usage_type, '') <> 'metered' AND coalesce(l.price_type, t.price_type, '') <> 'one_time' AS fixed,
    CASE WHEN coalesce(l.billing_scheme, t.billing_scheme, '') <> 'tiered' THEN
      monthly(major(coalesce(l.amount, t.amount), coalesce(l.currency, t.currency)), coalesce(l.interval, t.interval), coalesce(l.interval_count, t.interval_count))
    END * CASE WHEN coalesce(l.divide_by, t.divide_by, 1) <= 1 THEN coalesce(l.quantity, 1)
      WHEN coalesce(l.rounding, t.rounding) = 'down' THEN floor(l.quantity / coalesce(l.divide_by, t.divide_by))
      ELSE ceil(l.quantity / coalesce(l.divide_by, t.divide_by)) END AS mrr
  FROM line l LEFT JOIN tariff t ON t.id = l.price_id LEFT JOIN goods g ON g.id = coalesce(l.product_id, t.product_id)
), bill AS (
  SELECT id, moment, string_agg(DISTINCT plan, ' + ' ORDER BY plan) AS plan, min(currency) AS currency, sum(quantity) FILTER (fixed) AS seats,
    CASE WHEN count(*) FILTER (fixed) = count(mrr) FILTER (fixed) AND count(DISTINCT currency) <= 1 THEN sum(mrr) FILTER (fixed) END AS mrr,
    max(months) AS months, max(current_period_start) AS period_start, max(current_period_end) AS period_end
  FROM priced GROUP BY ALL
), first AS (
  SELECT * FROM told WHERE id IS NOT NULL QUALIFY row_number() OVER (PARTITION BY id ORDER BY stamp NULLS LAST, rank, status) = 1
), opened AS (
  SELECT id, min(stamp) AS stamp FROM state GROUP BY id
), dated AS (
  -- of a state of today only what Stripe dates itself reaches back
  SELECT id, created AS stamp, 'created' AS basis, 4 AS step, created FROM first WHERE created IS NOT NULL
  UNION ALL
  SELECT id, trial_end, 'assumed', 3, created FROM first
  WHERE trial_end > created AND status NOT IN ('trialing', 'incomplete', 'incomplete_expired') AND coalesce(trial_end <= stamp, true) AND coalesce(trial_end < ended_at, true)
), ending AS (
  SELECT id, canceled_at AS stamp, 2 AS step, customer_id, customer_email, trial_end, canceled_at, cancel_reason,
    CASE WHEN ended_at <= canceled_at THEN ended_at ELSE coalesce(cancel_at, CASE WHEN at_period_end THEN coalesce(ended_at, current_period_end) END) END AS ends_at, status
  FROM told WHERE id IS NOT NULL AND canceled_at IS NOT NULL AND status <> 'incomplete_expired' AND coalesce(canceled_at < ended_at, true)
  QUALIFY row_number() OVER (PARTITION BY id, canceled_at ORDER BY told.stamp NULLS LAST, rank, cancel_at, ended_at) = 1
  UNION ALL BY NAME
  SELECT id, ended_at AS stamp, 1 AS step, customer_id, customer_email, trial_end, coalesce(least(canceled_at, ended_at), ended_at) AS canceled_at, cancel_reason,
    ended_at AS ends_at, 'canceled' AS status
  FROM told WHERE id IS NOT NULL AND ended_at IS NOT NULL AND status NOT IN ('incomplete_expired', 'incomplete')
  QUALIFY row_number() OVER (PARTITION BY id, ended_at ORDER BY told.stamp NULLS LAST, rank, canceled_at) = 1
), told_at AS (
  SELECT k.id, k.moment AS stamp, k.known AS basis, 0 AS step, k.customer_id, k.customer_email, k.gone, k.moment,
    CASE WHEN k.ended_at <= k.moment AND k.status NOT LIKE 'incomplete%' THEN 'canceled' ELSE CASE k.status WHEN 'unpaid' THEN 'past_due' WHEN 'incomplete' THEN 'draft' WHEN 'incomplete_expired' THEN 'draft' ELSE k.status END END AS status,
    CASE WHEN k.ended_at IS NOT NULL OR k.canceled_at IS NOT NULL THEN coalesce(least(k.canceled_at, k.ended_at), k.ended_at)
      WHEN k.at_period_end OR k.cancel_at IS NOT NULL THEN k.stamp END AS cancel_requested_at,
    coalesce(k.ended_at, k.cancel_at, CASE WHEN k.at_period_end THEN k.current_period_end END) AS ends_at, k.at_period_end, k.cancel_reason,
    k.current_period_start, k.current_period_end, k.start_date, k.created
  FROM held k
  UNION ALL BY NAME
  SELECT d.id, d.stamp, d.basis, d.step, f.customer_id, f.customer_email, false AS gone,
    CASE WHEN d.step = 3 THEN 'active' WHEN f.status IN ('incomplete', 'incomplete_expired') THEN 'draft' WHEN f.trial_end > d.stamp THEN 'trialing' ELSE 'active' END AS status,
    f.start_date, f.created
  FROM dated d JOIN first f USING (id) LEFT JOIN opened o USING (id) WHERE coalesce(d.stamp < o.stamp, true)
  UNION ALL BY NAME
  SELECT e.id, e.stamp, 'event' AS basis, e.step, e.customer_id, e.customer_email, false AS gone, s.moment,
    CASE WHEN e.step = 1 THEN 'canceled' WHEN s.status IN ('unpaid', 'past_due') THEN 'past_due' WHEN s.status IN ('active', 'paused', 'trialing') THEN s.status
      WHEN e.status = 'incomplete' THEN 'draft' WHEN e.trial_end > e.stamp THEN 'trialing' ELSE 'active' END AS status,
    e.canceled_at AS cancel_requested_at, e.ends_at, e.cancel_reason, s.at_period_end OR e.ends_at IS NOT NULL::VARCHAR AS at_period_end, s.current_period_start, s.current_period_end
  FROM ending e ASOF LEFT JOIN held s ON s.id = e.id AND s.moment < e.stamp
)
SELECT t.id || '@' || epoch_us(t.stamp) AS source_id, t.customer_id AS account_id, t.customer_email AS _email, t.id AS subscription_id,
  t.stamp AS known_at, t.basis AS known_basis, CASE WHEN t.step = 4 THEN least(t.start_date, t.created) ELSE t.stamp END AS valid_from,
  t.status, b.plan, b.mrr, b.currency, b.seats, b.months AS billing_months, b.months AS term_months,
  coalesce(t.current_period_start, b.period_start) AS term_start, coalesce(t.current_period_end, b.period_end) AS term_end,
  CASE WHEN t.step < 3 AND t.moment IS NOT NULL THEN t.status <> 'canceled' AND NOT coalesce(t.at_period_end, false) AND t.cancel_requested_at IS NULL END AS auto_renew,
  t.cancel_requested_at, coalesce(t.ends_at, CASE WHEN t.at_period_end THEN b.period_end END) AS ends_at, t.cancel_reason, t.gone AS deleted
FROM told_at t LEFT JOIN bill b ON b.id = t.id AND b.moment = t.moment
QUALIFY row_number() OVER (PARTITION BY t.id, t.stamp ORDER BY t.step) = 1
-- table: invoices
WITH told AS (
  SELECT *, CASE WHEN dashboard IS NULL THEN 1 ELSE 1 / major(1, currency) END AS scale FROM invoice
  WHERE id IS NOT NULL AND coalesce(livemode, true) = (SELECT bool_or(coalesce(livemode, true)) FROM invoice)
), last AS (
  SELECT * FROM told WHERE coalesce(status, '') <> 'draft'
  QUALIFY row_number() OVER (PARTITION BY id ORDER BY _seen DESC NULLS LAST, _deleted, (paid_at IS NULL), status, total) = 1
), tried AS (
  SELECT invoice_id, created AS stamp, coalesce(paid, status = 'succeeded') AS paid,
    count(*) FILTER (status = 'failed') OVER (PARTITION BY invoice_id ORDER BY created RANGE UNBOUNDED PRECEDING) AS failed
  FROM (SELECT * FROM charge WHERE invoice_id IS NOT NULL AND created IS NOT NULL QUALIFY row_number() OVER (PARTITION BY id ORDER BY _seen DESC NULLS LAST, status) = 1)
), base AS (
  -- what does not change once an invoice is issued, and what Stripe dates itself
  SELECT l.id, l.customer_id, l.customer_email, l.subscription_id, upper(l.currency) AS currency,
    least(coalesce(l.finalized_at, l.created, l.period_end, l.due_date), CASE WHEN coalesce(l.finalized_at, l.created) IS NULL THEN l._seen END) AS issued_at,
    coalesce(l.created, l.finalized_at) AS created, l.due_date, l.collection_method,
    major(coalesce(l.total, l.amount_due) * l.scale, l.currency) AS amount, major(l.amount_paid * l.scale, l.currency) AS amount_paid,
    coalesce(l.paid_at, p.stamp) AS paid_at, l.uncollectible_at, l.voided_at
  FROM last l LEFT JOIN (SELECT invoice_id, min(stamp) AS stamp FROM tried WHERE paid GROUP BY ALL) p ON p.invoice_id = l.id AND (l.status = 'paid' OR l.paid)
), dated AS (
  SELECT id, coalesce(created, issued_at) AS stamp, CASE WHEN created IS NULL THEN 'assumed' ELSE 'created' END AS basis, 2 AS rank,
    NULL::DOUBLE AS failed, false AS gone, paid_at, CASE WHEN paid_at IS NOT NULL THEN amount_paid END AS amount_paid, uncollectible_at, voided_at
  FROM base
  UNION ALL BY NAME
  SELECT b.id, t.stamp, 'event' AS basis, 1 AS rank, t.failed::DOUBLE AS failed, false AS gone, paid_at, CASE WHEN paid_at IS NOT NULL THEN amount_paid END AS amount_paid, uncollectible_at, voided_at
  FROM base b JOIN tried t ON t.invoice_id = b.id WHERE t.stamp > coalesce(b.created, b.issued_at)
  UNION ALL BY NAME
  -- a state that nobody dated is known when it was seen
  SELECT t.id, t._seen AS stamp, t._basis AS basis, 0 AS rank,
    coalesce(greatest(t.attempt_count - (coalesce(t.status = 'paid', t.paid, false) AND coalesce(t.amount_paid, 0) > 0)::INT, 0), f.failed) AS failed,
    t._deleted AS gone, coalesce(t.paid_at, CASE WHEN coalesce(t.status = 'paid', t.paid) THEN coalesce(b.paid_at, t._seen) END) AS paid_at,
    major(t.amount_paid * t.scale, t.currency) AS amount_paid,
    coalesce(t.uncollectible_at, CASE WHEN t.status = 'uncollectible' THEN t._seen END) AS uncollectible_at, coalesce(t.voided_at, CASE WHEN t.status = 'void' THEN t._seen END) AS voided_at
  FROM told t JOIN base b USING (id) ASOF LEFT JOIN (SELECT * FROM tried) f ON f.invoice_id = t.id AND f.stamp <= t._seen
  WHERE t._seen IS NOT NULL AND coalesce(t.status, '') <> 'draft'
)
SELECT d.id || '@' || epoch_us(d.stamp) AS source_id, b.customer_id AS account_id, b.customer_email AS _email, d.stamp AS known_at, d.basis AS known_basis,
  d.id AS invoice_id, b.subscription_id, b.issued_at, coalesce(b.due_date, CASE WHEN b.collection_method = 'charge_automatically' THEN b.issued_at END) AS due_at,
  b.amount, b.currency, d.paid_at, d.amount_paid, d.failed AS failed_attempts, d.uncollectible_at AS written_off_at, d.voided_at, d.gone AS deleted
FROM dated d JOIN base b USING (id) WHERE b.issued_at IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY d.id, d.stamp ORDER BY d.rank, d.gone, d.failed DESC, d.paid_at) = 1
