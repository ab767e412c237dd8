/*
title = "Zuora"
keeps = "every version of a subscription, with its amendment and its charges; invoices with their postings and payments"
loses = "what an account or a contact said before its last change; versions that were not loaded (ask for all, not for the latest)"

[objects.account]
names = ["account", "accounts"]
needs = ["id", "account_number", "created"]
key = ["id"]
recorded = ["created", "changed"]
prefixes = ["Account."]
text.id = ["Account ID"]
text.account_number = ["AccountNumber", "accountNumber"]
text.name = ["Account Name"]
text.crm_id = ["CrmId", "crmId", "CRM Account ID", "CRM ID"]
text.currency = []
text.parent_id = ["parent_account_id", "ParentId", "parentId", "Parent Account ID"]
text.owner = ["customer_service_rep_name", "CustomerServiceRepName", "Customer Service Rep", "sales_rep_name", "SalesRepName"]
text.bill_to_id = ["bill_to_contact_id", "BillToId", "billToContactId"]
text.external_id = ["external_id_c", "ExternalId__c", "customer_id_c", "CustomerId__c"]
text.status = []
time.created = ["created_date", "CreatedDate", "createdDate", "Created Date"]
time.changed = ["updated_date", "UpdatedDate", "updatedDate", "Updated Date"]

[objects.contact]
names = ["contact", "contacts"]
needs = ["id", "account_id", "email"]
key = ["id"]
recorded = ["created", "changed"]
prefixes = ["Contact."]
text.id = []
text.account_id = ["AccountId", "accountId", "Account.ID"]
text.first_name = ["FirstName", "firstName"]
text.last_name = ["LastName", "lastName"]
text.email = ["work_email", "WorkEmail", "workEmail", "Work Email", "personal_email", "PersonalEmail"]
text.country = []
time.created = ["created_date", "CreatedDate", "createdDate", "Created Date"]
time.changed = ["updated_date", "UpdatedDate", "updatedDate", "Updated Date"]

[objects.subscription]
names = ["subscription", "subscriptions"]
needs = ["id", "account_id", "original_id", "version"]
key = ["id"]
recorded = ["created"]
prefixes = ["Subscription."]
text.id = []
text.account_id = ["AccountId", "accountId", "Account.ID"]
text.original_id = ["OriginalId", "originalId"]
number.version = []
text.status = []
time.created = ["created_date", "CreatedDate", "createdDate", "Created Date"]
time.changed = ["updated_date", "UpdatedDate", "updatedDate", "Updated Date"]
time.effective = ["contract_effective_date", "ContractEffectiveDate", "contractEffectiveDate", "subscription_start_date", "SubscriptionStartDate"]
time.term_start = ["term_start_date", "TermStartDate", "termStartDate"]
time.term_end = ["term_end_date", "TermEndDate", "termEndDate"]
text.term_type = ["TermType", "termType"]
number.current_term = ["CurrentTerm", "currentTerm"]
text.current_term_unit = ["current_term_period_type", "CurrentTermPeriodType", "currentTermPeriodType"]
number.initial_term = ["InitialTerm", "initialTerm"]
text.initial_term_unit = ["initial_term_period_type", "InitialTermPeriodType", "initialTermPeriodType"]
flag.auto_renew = ["AutoRenew", "autoRenew"]
time.cancelled = ["cancelled_date", "CancelledDate", "cancelledDate"]
text.cancel_reason = ["CancelReason", "cancelReason"]
text.amendment_id = ["subscription_version_amendment_id", "SubscriptionVersionAmendmentId"]

[objects.amendment]
names = ["amendment", "amendments"]
needs = ["id", "type", "subscription_id"]
key = ["id"]
recorded = ["created"]
prefixes = ["Amendment."]
text.id = []
text.type = []
text.subscription_id = ["SubscriptionId", "subscriptionId"]
time.effective = ["contract_effective_date", "ContractEffectiveDate", "effective_date", "EffectiveDate"]
time.created = ["created_date", "CreatedDate", "createdDate"]

[objects.charge]
names = ["rate_plan_charge", "rate_plan_charges", "RatePlanCharge"]
needs = ["id", "mrr", "charge_type"]
key = ["id"]
recorded = ["created"]
prefixes = ["RatePlanCharge."]
text.id = []
text.subscription_id = ["SubscriptionId", "subscriptionId", "Subscription.ID"]
text.rate_plan_id = ["RatePlanId", "RatePlan.ID"]
text.charge_type = ["ChargeType", "chargeType"]
text.charge_model = ["ChargeModel", "chargeModel"]
number.mrr = []
text.currency = ["transaction_currency", "TransactionCurrency", "Account.Currency", "Currency"]
number.quantity = []
text.billing_period = ["BillingPeriod", "billingPeriod"]
text.name = []
time.starts = ["effective_start_date", "EffectiveStartDate"]
time.ends = ["effective_end_date", "EffectiveEndDate"]
time.created = ["created_date", "CreatedDate", "createdDate"]

[objects.rate_plan]
names = ["rate_plan", "rate_plans", "RatePlan"]
needs = ["id", "name", "subscription_id"]
key = ["id"]
recorded = []
prefixes = ["RatePlan."]
text.id = []
text.name = []
text.subscription_id = ["SubscriptionId", "Subscription.ID"]

[objects.invoice]
names = ["invoice", "invoices"]
needs = ["id", "account_id", "invoice_date", "invoice_number"]
key = ["id"]
recorded = ["created", "posted"]
prefixes = ["Invoice."]
text.id = []
text.account_id = ["AccountId", "accountId", "Account.ID"]
text.invoice_number = ["InvoiceNumber", "invoiceNumber"]
number.amount = []
number.balance = []
text.currency = ["transaction_currency", "TransactionCurrency", "Account.Currency"]
text.status = []
flag.reversed = []
time.invoice_date = ["InvoiceDate", "invoiceDate"]
time.due_date = ["DueDate", "dueDate"]
time.posted = ["posted_date", "PostedDate", "postedDate"]
time.created = ["created_date", "CreatedDate", "createdDate"]
time.changed = ["updated_date", "UpdatedDate", "updatedDate"]

[objects.invoice_item]
names = ["invoice_item", "invoice_items", "InvoiceItem"]
needs = ["id", "invoice_id", "subscription_id"]
key = ["id"]
recorded = []
prefixes = ["InvoiceItem."]
text.id = []
text.invoice_id = ["InvoiceId", "Invoice.ID"]
text.subscription_id = ["SubscriptionId", "Subscription.ID"]

[objects.invoice_payment]
names = ["invoice_payment", "invoice_payments", "InvoicePayment"]
needs = ["id", "invoice_id", "payment_id", "amount"]
key = ["id"]
recorded = ["created"]
prefixes = ["InvoicePayment."]
text.id = []
text.invoice_id = ["InvoiceId", "Invoice.ID"]
text.payment_id = ["PaymentId", "Payment.ID"]
number.amount = []
number.refunded = ["refund_amount", "RefundAmount"]
time.created = ["created_date", "CreatedDate", "createdDate"]

[objects.payment]
names = ["payment", "payments"]
needs = ["id", "account_id", "effective", "status"]
key = ["id"]
recorded = ["created"]
prefixes = ["Payment."]
text.id = []
text.account_id = ["AccountId", "accountId", "Account.ID"]
text.status = []
time.effective = ["effective_date", "EffectiveDate", "effectiveDate"]
time.created = ["created_date", "CreatedDate", "createdDate"]
*/
-- table: accounts
WITH seen AS (
  SELECT a.*, coalesce(a._from, a.changed, a._seen) AS known_at, CASE WHEN coalesce(a._from, a.changed) IS NULL THEN 'snapshot' ELSE 'history' END AS basis FROM account a WHERE id IS NOT NULL
), place AS (
  SELECT id, any_value(country ORDER BY _seen DESC NULLS LAST, country) AS country FROM contact GROUP BY id
), dated AS (
  SELECT id, min(created) AS known_at, 'created' AS basis, 1 AS rank, NULL::VARCHAR AS name, NULL::VARCHAR AS country, NULL::VARCHAR AS owner, NULL::VARCHAR AS parent, NULL::VARCHAR AS currency, false AS gone
  FROM seen WHERE created IS NOT NULL GROUP BY id
  UNION ALL
  SELECT s.id, s.known_at, s.basis, 0, s.name, p.country, s.owner, s.parent_id, upper(s.currency), s._deleted FROM seen s LEFT JOIN place p ON p.id = s.bill_to_id WHERE s.known_at IS NOT NULL
)
SELECT id || '@' || epoch_us(known_at) AS source_id, id AS account_id, known_at, basis AS known_basis, known_at AS valid_from, name, country, owner, parent AS parent_account_id, currency, gone AS deleted
FROM dated QUALIFY row_number() OVER (PARTITION BY id, known_at ORDER BY rank, basis, gone, name, owner, parent, country) = 1
-- table: identities
SELECT 'account' AS kind, id AS source_key, NULL::VARCHAR AS account_key, unnest([external_id, account_number]) AS external_id, crm_id, NULL::VARCHAR AS email, NULL::VARCHAR AS domain, name FROM account WHERE id IS NOT NULL
UNION
SELECT 'person', id, account_id, NULL, NULL, email, NULL, nullif(concat_ws(' ', first_name, last_name), '') FROM contact WHERE id IS NOT NULL
UNION
SELECT 'account', account_id, NULL, NULL, NULL, NULL, NULL, NULL FROM subscription WHERE account_id IS NOT NULL
UNION
SELECT 'account', account_id, NULL, NULL, NULL, NULL, NULL, NULL FROM invoice WHERE account_id IS NOT NULL
-- table: people
WITH dated AS (
  SELECT id, any_value(account_id ORDER BY _seen DESC NULLS LAST, account_id) AS account_id, min(created) AS known_at, 'created' AS basis, 1 AS rank, false AS gone FROM contact WHERE created IS NOT NULL GROUP BY id
  UNION ALL
  SELECT id, account_id, coalesce(_from, _seen), _basis, 0, _deleted FROM contact WHERE _deleted AND coalesce(_from, _seen) IS NOT NULL
)
SELECT id || '@' || epoch_us(known_at) AS source_id, account_id, id AS person_id, 'contact' AS role, known_at, basis AS known_basis, known_at AS valid_from, gone AS deleted
FROM dated WHERE id IS NOT NULL AND account_id IS NOT NULL QUALIFY row_number() OVER (PARTITION BY id, account_id, known_at ORDER BY rank) = 1
-- table: subscriptions
WITH amended AS (
  SELECT id, any_value(type ORDER BY _seen DESC NULLS LAST, type) AS type, any_value(effective ORDER BY _seen DESC NULLS LAST, effective) AS effective FROM amendment GROUP BY id
), told AS (
  -- a version is written once; only its status is overwritten, to Expired when the next one takes over
  SELECT s.* EXCLUDE (version), coalesce(s.version, 1) AS version, coalesce(s.original_id, s.id) AS subscription, coalesce(s.created, s._from, s._seen) AS known_at,
    CASE WHEN s.created IS NOT NULL THEN 'history' ELSE s._basis END AS basis, lower(s.status) = 'cancelled' OR regexp_matches(lower(a.type), 'cancel') AS ending,
    CASE WHEN lower(s.status) = 'cancelled' OR regexp_matches(lower(a.type), 'cancel') THEN 'canceled' WHEN lower(s.status) = 'suspended' OR regexp_matches(lower(a.type), 'suspend') THEN 'paused'
      WHEN regexp_matches(lower(s.status), '^(draft|pending)') THEN 'draft' ELSE 'active' END AS state, a.effective AS amended_from
  FROM subscription s LEFT JOIN amended a ON a.id = s.amendment_id WHERE s.id IS NOT NULL
), version AS (
  SELECT *, coalesce(CASE WHEN ending THEN cancelled END, amended_from, CASE WHEN version = 1 THEN effective END, known_at) AS since FROM told WHERE known_at IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY id ORDER BY _seen DESC NULLS LAST, changed DESC NULLS LAST, _deleted) = 1
), ended AS (
  -- a term that is not renewed by itself ends, unless a later version was there in time
  SELECT *, term_end AS at_end FROM version v WHERE state = 'active' AND upper(term_type) = 'TERMED' AND NOT coalesce(auto_renew, false) AND NOT _deleted
    AND term_end <= (SELECT max(greatest(created, changed, _seen)) FROM subscription)
    AND NOT EXISTS (FROM version w WHERE w.subscription = v.subscription AND w.version > v.version AND w.known_at <= v.term_end)
), billed AS (
  SELECT c.*, coalesce(c.subscription_id, r.subscription_id) AS sub FROM charge c LEFT JOIN (SELECT DISTINCT id, subscription_id FROM rate_plan) r ON r.id = c.rate_plan_id
  WHERE c.id IS NOT NULL AND NOT c._deleted AND lower(c.charge_type) = 'recurring' QUALIFY row_number() OVER (PARTITION BY c.id ORDER BY c._seen DESC NULLS LAST, c.mrr) = 1
), point AS (
  -- a version, and where a segment of its charges begins or ends: a ramp is known with its version
  SELECT subscription, version, since, false AS closing FROM version
  UNION
  SELECT v.subscription, v.version, b.starts, false FROM version v JOIN billed b ON b.sub = v.id
  UNION
  SELECT v.subscription, v.version, b.ends, false FROM version v JOIN billed b ON b.sub = v.id WHERE coalesce(b.ends < v.term_end, true)
  UNION
  SELECT subscription, version, at_end, true FROM ended
), moment AS (
  -- what earlier versions had planned is told anew by the later one
  SELECT v.id, p.since FROM version v JOIN point p ON p.subscription = v.subscription AND p.version + p.closing::INT <= v.version AND p.since >= v.since
  UNION
  SELECT id, known_at FROM version WHERE ending AND known_at < since
), charged AS (
  SELECT m.id, m.since, sum(b.mrr) AS mrr, min(upper(b.currency)) AS currency,
    sum(b.quantity) FILTER (regexp_matches(lower(b.charge_model), 'per.?unit|volume|tiered')) AS seats,
    max(CASE regexp_replace(lower(b.billing_period), '[^a-z]', '', 'g') WHEN 'month' THEN 1 WHEN 'quarter' THEN 3 WHEN 'semiannual' THEN 6 WHEN 'annual' THEN 12 WHEN 'twoyears' THEN 24 WHEN 'threeyears' THEN 36 END) AS months
  FROM moment m JOIN billed b ON b.sub = m.id AND coalesce(b.starts <= m.since, true) AND coalesce(b.ends > m.since, true) GROUP BY ALL
), plan AS (
  SELECT subscription_id, string_agg(DISTINCT name, ' + ' ORDER BY name) AS plan FROM rate_plan WHERE NOT _deleted AND subscription_id IS NOT NULL GROUP BY ALL
), owner AS (
  SELECT id, any_value(upper(currency) ORDER BY _seen DESC NULLS LAST, currency) AS currency FROM account GROUP BY id
), stated AS (
  SELECT v.* EXCLUDE (since), m.since, CASE WHEN v.ending AND m.since < v.since THEN 'active' ELSE v.state END AS now, p.plan, c.mrr, coalesce(c.currency, o.currency) AS money, c.seats, c.months,
    CASE WHEN v.ending THEN v.known_at END AS asked, CASE WHEN v.ending THEN v.since END AS ends_at
  FROM version v JOIN moment m USING (id) LEFT JOIN plan p ON p.subscription_id = v.id LEFT JOIN charged c ON c.id = v.id AND c.since = m.since LEFT JOIN owner o ON o.id = v.account_id
  UNION ALL BY NAME
  SELECT e.* EXCLUDE (since, known_at), at_end AS since, greatest(e.known_at, at_end) AS known_at, 'canceled' AS now, p.plan, o.currency AS money, at_end AS ends_at
  FROM ended e LEFT JOIN plan p ON p.subscription_id = e.id LEFT JOIN owner o ON o.id = e.account_id
  UNION ALL BY NAME
  SELECT * EXCLUDE (since, known_at, basis), _seen AS since, _seen AS known_at, 'snapshot' AS basis, state AS now FROM version WHERE _deleted AND _seen IS NOT NULL
    AND version = (SELECT max(w.version) FROM version w WHERE w.subscription = version.subscription)
)
SELECT id || '@' || epoch_us(since) || '@' || epoch_us(known_at) AS source_id, account_id, subscription AS subscription_id, known_at, basis AS known_basis, since AS valid_from, now AS status,
  plan, mrr, money AS currency, seats, months AS billing_months, term_start, term_end,
  CASE WHEN upper(term_type) = 'EVERGREEN' THEN 0 WHEN current_term IS NOT NULL THEN months_of(current_term_unit, current_term) WHEN initial_term IS NOT NULL THEN months_of(initial_term_unit, initial_term) END AS term_months,
  auto_renew, asked AS cancel_requested_at, ends_at, CASE WHEN ending THEN cancel_reason END AS cancel_reason, _deleted AND since = _seen AS deleted
FROM stated
QUALIFY row_number() OVER (PARTITION BY subscription, since, known_at ORDER BY version DESC, deleted DESC, now DESC, id) = 1
-- table: invoices
WITH last AS (
  SELECT * FROM invoice WHERE id IS NOT NULL AND coalesce(lower(status), 'posted') NOT IN ('draft', 'pending', 'error', 'generated')
  QUALIFY row_number() OVER (PARTITION BY id ORDER BY _seen DESC NULLS LAST, changed DESC NULLS LAST, _deleted) = 1
), about AS (
  SELECT i.invoice_id, CASE WHEN count(DISTINCT coalesce(s.original_id, i.subscription_id)) = 1 THEN min(coalesce(s.original_id, i.subscription_id)) END AS subscription_id
  FROM invoice_item i LEFT JOIN (SELECT DISTINCT id, original_id FROM subscription) s ON s.id = i.subscription_id WHERE i.subscription_id IS NOT NULL GROUP BY ALL
), paid AS (
  SELECT x.invoice_id, x.amount - coalesce(x.refunded, 0) AS amount, coalesce(greatest(p.effective, p.created), p.created, x.created) AS paid_at, lower(p.status) AS status
  FROM (SELECT * FROM invoice_payment WHERE NOT _deleted QUALIFY row_number() OVER (PARTITION BY id ORDER BY _seen DESC NULLS LAST, amount) = 1) x
  LEFT JOIN (SELECT * FROM payment WHERE NOT _deleted QUALIFY row_number() OVER (PARTITION BY id ORDER BY _seen DESC NULLS LAST, status) = 1) p ON p.id = x.payment_id
), settled AS (
  -- an invoice is paid when what came in reaches its amount
  SELECT invoice_id, min(paid_at) FILTER (sofar + 0.005 >= amount) AS paid_at, max(sofar) AS amount_paid FROM (
    SELECT p.invoice_id, p.paid_at, l.amount, sum(p.amount) OVER (PARTITION BY p.invoice_id ORDER BY p.paid_at RANGE UNBOUNDED PRECEDING) AS sofar
    FROM paid p JOIN last l ON l.id = p.invoice_id WHERE coalesce(p.status, 'processed') IN ('processed', 'posted')
  ) GROUP BY ALL
), tried AS (
  SELECT invoice_id, paid_at AS tried_at, count(*) OVER (PARTITION BY invoice_id ORDER BY paid_at RANGE UNBOUNDED PRECEDING) AS failed FROM paid WHERE status = 'error' AND paid_at IS NOT NULL
), base AS (
  SELECT l.*, coalesce(l.posted, l.created) AS written, coalesce(l.invoice_date, l.posted, l.created) AS issued_at, a.subscription_id, s.paid_at AS settled_at, s.amount_paid, coalesce(l.currency, o.currency) AS money
  FROM last l LEFT JOIN (SELECT id, any_value(currency ORDER BY _seen DESC NULLS LAST, currency) AS currency FROM account GROUP BY id) o ON o.id = l.account_id LEFT JOIN about a ON a.invoice_id = l.id LEFT JOIN settled s ON s.invoice_id = l.id
), dated AS (
  SELECT id, coalesce(written, issued_at) AS known_at, CASE WHEN written IS NULL THEN 'assumed' ELSE 'created' END AS basis, 2 AS rank, settled_at AS paid_at,
    CASE WHEN settled_at IS NOT NULL THEN amount_paid END AS amount_paid, NULL::DOUBLE AS failed, NULL::TIMESTAMPTZ AS voided_at, false AS gone FROM base
  UNION ALL
  SELECT b.id, t.tried_at, 'event', 1, b.settled_at, CASE WHEN b.settled_at IS NOT NULL THEN b.amount_paid END, t.failed, NULL, false FROM base b JOIN tried t ON t.invoice_id = b.id WHERE t.tried_at > coalesce(b.written, b.issued_at)
  UNION ALL
  -- a balance of nothing and a reversal have no date of their own
  SELECT b.id, coalesce(b._from, b.changed, b._seen), CASE WHEN coalesce(b._from, b.changed) IS NULL THEN 'snapshot' ELSE 'history' END, 0,
    coalesce(b.settled_at, CASE WHEN b.balance = 0 AND b.amount > 0 AND coalesce(lower(b.status), '') = 'posted' THEN coalesce(b._from, b.changed, b._seen) END),
    coalesce(b.amount_paid, b.amount - b.balance), f.failed, CASE WHEN b.reversed OR regexp_matches(lower(b.status), 'cancel|revers|void') THEN coalesce(b._from, b.changed, b._seen) END, b._deleted
  FROM base b LEFT JOIN (SELECT invoice_id, max(failed) AS failed FROM tried GROUP BY ALL) f ON f.invoice_id = b.id WHERE coalesce(b._from, b.changed, b._seen) > coalesce(b.written, b.issued_at)
)
SELECT d.id || '@' || epoch_us(d.known_at) AS source_id, b.account_id, d.id AS invoice_id, b.subscription_id, d.known_at, d.basis AS known_basis, b.issued_at, b.due_date AS due_at,
  b.amount, upper(b.money) AS currency, d.paid_at, d.amount_paid, d.failed::DOUBLE AS failed_attempts, d.voided_at, d.gone AS deleted
FROM dated d JOIN base b USING (id) WHERE d.known_at IS NOT NULL AND b.issued_at IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY d.id, d.known_at ORDER BY d.rank, d.failed DESC) = 1
