/*
title = "Salesforce"
keeps = "when a record was created and last changed; every change where history mode was on (account, contact, opportunity), and stages in OpportunityHistory"
loses = "what a field held before it was last changed, without history mode; the account of an activity follows its contact; archived activities and deleted records land only when they were asked for (queryAll)"
aside = ["group", "profile", "record_type", "user_role"]

[objects.account]
names = ["account", "accounts", "account_history"]
needs = ["id", "name", "website"]
key = ["id"]
recorded = ["created", "changed"]
text.id = ["Account ID", "18 Digit Account ID"]
text.name = ["Account Name"]
text.website = []
text.parent_id = ["ParentId", "Parent Account ID"]
text.master_record_id = ["MasterRecordId"]
text.owner_id = ["OwnerId", "Account Owner"]
text.type = ["Account Type"]
text.industry = []
number.employees = ["number_of_employees", "NumberOfEmployees"]
text.country = ["billing_country_code", "BillingCountryCode", "billing_country", "BillingCountry", "Billing Country"]
text.segment = ["segment_c", "Segment__c", "account_segment_c", "customer_segment_c", "account_tier_c", "tier_c"]
text.currency = ["currency_iso_code", "CurrencyIsoCode", "Account Currency"]
text.external_id = ["external_id_c", "External_ID__c", "ExternalId__c", "customer_id_c", "Customer_ID__c", "account_id_c", "tenant_id_c", "organization_id_c"]
time.created = ["created_date", "CreatedDate"]
time.changed = ["system_modstamp", "SystemModstamp", "last_modified_date", "LastModifiedDate", "Last Modified Date"]

[objects.user]
names = ["user", "users"]
needs = ["id", "name", "username"]
key = ["id"]
recorded = []
text.id = []
text.name = []
text.username = []

[objects.contact]
names = ["contact", "contacts", "contact_history"]
needs = ["id", "account_id", "email"]
key = ["id"]
recorded = ["created", "changed"]
text.id = ["Contact ID"]
text.account_id = ["AccountId", "Account ID"]
text.name = ["Full Name"]
text.first_name = ["FirstName", "First Name"]
text.last_name = ["LastName", "Last Name"]
text.email = []
text.title = []
text.role = ["role_c", "Role__c", "contact_role_c", "Contact_Role__c", "buying_role_c", "Buying_Role__c", "persona_c"]
flag.exec_sponsor = ["executive_sponsor_c", "Executive_Sponsor__c", "exec_sponsor_c", "is_executive_sponsor_c", "Is_Executive_Sponsor__c"]
flag.champion = ["champion_c", "Champion__c", "is_champion_c", "Is_Champion__c"]
flag.economic_buyer = ["economic_buyer_c", "Economic_Buyer__c", "is_economic_buyer_c"]
flag.gone = ["no_longer_at_company_c", "No_Longer_at_Company__c", "left_company_c", "Left_Company__c"]
time.created = ["created_date", "CreatedDate"]
time.changed = ["system_modstamp", "SystemModstamp", "last_modified_date", "LastModifiedDate", "Last Modified Date"]

[objects.lead]
names = ["lead", "leads"]
needs = ["id", "email", "company"]
key = ["id"]
recorded = []
text.id = ["Lead ID"]
text.email = []
text.company = []
text.converted_account_id = ["ConvertedAccountId"]

[objects.contact_role]
names = ["opportunity_contact_role", "opportunity_contact_roles", "OpportunityContactRole"]
needs = ["opportunity_id", "contact_id", "role"]
key = ["id"]
recorded = ["created", "changed"]
text.id = []
text.opportunity_id = ["OpportunityId", "Opportunity ID"]
text.contact_id = ["ContactId", "Contact ID"]
text.role = ["Contact Role"]
time.created = ["created_date", "CreatedDate"]
time.changed = ["system_modstamp", "SystemModstamp", "last_modified_date", "LastModifiedDate"]

[objects.opportunity]
names = ["opportunity", "opportunities", "opportunity_history"]
needs = ["id", "account_id", "stage_name", "close_date"]
key = ["id"]
recorded = ["created", "changed"]
text.id = ["Opportunity ID"]
text.account_id = ["AccountId", "Account ID"]
text.type = ["Opportunity Type"]
text.stage_name = ["StageName", "Stage"]
flag.is_closed = ["IsClosed", "Closed"]
flag.is_won = ["IsWon", "Won"]
number.amount = []
text.currency = ["currency_iso_code", "CurrencyIsoCode", "Amount Currency"]
time.close_date = ["CloseDate"]
number.probability = ["Probability (%)"]
text.budget_status = ["budget_status_c", "Budget_Status__c"]
number.budget_amount = ["budget_amount_c", "Budget_Amount__c", "budget_c", "Budget__c"]
time.created = ["created_date", "CreatedDate"]
time.changed = ["system_modstamp", "SystemModstamp", "last_modified_date", "LastModifiedDate", "Last Modified Date"]

[objects.stage]
names = ["opportunity_history", "OpportunityHistory", "opportunity_stage_history"]
needs = ["opportunity_id", "stage_name", "created"]
key = ["id"]
recorded = ["created"]
text.id = []
text.opportunity_id = ["OpportunityId"]
text.stage_name = ["StageName"]
number.amount = []
time.close_date = ["CloseDate"]
number.probability = []
text.forecast_category = ["ForecastCategory"]
time.created = ["created_date", "CreatedDate"]

[objects.event]
names = ["event", "events"]
needs = ["id", "subject", "starts"]
key = ["id"]
recorded = ["created", "changed"]
text.id = ["Activity ID"]
text.account_id = ["AccountId", "Account ID"]
text.who_id = ["WhoId", "Contact ID"]
text.what_id = ["WhatId"]
text.owner_id = ["OwnerId", "Assigned"]
text.subject = []
text.description = []
text.type = []
text.subtype = ["event_subtype", "EventSubtype"]
time.starts = ["start_date_time", "StartDateTime", "activity_date_time", "ActivityDateTime", "activity_date", "ActivityDate"]
number.duration_min = ["duration_in_minutes", "DurationInMinutes"]
flag.is_child = ["IsChild"]
flag.is_recurrence = ["IsRecurrence"]
flag.no_show = ["no_show_c", "No_Show__c", "NoShow__c"]
flag.cancelled = ["cancelled_c", "Cancelled__c", "canceled_c", "Canceled__c"]
text.status = ["status_c", "Status__c", "meeting_status_c", "Meeting_Status__c", "meeting_outcome_c", "Meeting_Outcome__c"]
text.outcome = ["outcome_c", "Outcome__c", "call_disposition_c"]
text.playbook = ["playbook_c", "Playbook__c"]
time.created = ["created_date", "CreatedDate"]
time.changed = ["system_modstamp", "SystemModstamp", "last_modified_date", "LastModifiedDate"]

[objects.task]
names = ["task", "tasks", "activities"]
needs = ["id", "subject", "status"]
key = ["id"]
recorded = ["created", "changed", "completed"]
text.id = ["Activity ID"]
text.account_id = ["AccountId", "Account ID"]
text.who_id = ["WhoId", "Contact ID"]
text.what_id = ["WhatId"]
text.owner_id = ["OwnerId", "Assigned"]
text.subject = []
text.description = ["Comments"]
text.type = []
text.subtype = ["task_subtype", "TaskSubtype"]
text.status = []
flag.is_closed = ["IsClosed", "Closed"]
text.call_type = ["CallType", "Call Type"]
number.call_seconds = ["call_duration_in_seconds", "CallDurationInSeconds", "Call Duration"]
text.outcome = ["call_disposition", "CallDisposition", "Call Result", "outcome_c", "Outcome__c"]
text.playbook = ["playbook_c", "Playbook__c"]
flag.no_show = ["no_show_c", "No_Show__c", "NoShow__c"]
time.due = ["activity_date", "ActivityDate", "Date", "Due Date"]
time.completed = ["completed_date_time", "CompletedDateTime", "Completed Date/Time"]
flag.is_recurrence = ["IsRecurrence"]
time.created = ["created_date", "CreatedDate"]
time.changed = ["system_modstamp", "SystemModstamp", "last_modified_date", "LastModifiedDate"]

[objects.contract]
names = ["contract", "contracts"]
needs = ["id", "account_id", "starts", "status"]
key = ["id"]
recorded = ["created", "changed", "activated"]
text.id = ["Contract ID"]
text.account_id = ["AccountId", "Account ID"]
text.status = []
text.plan = ["plan_c", "Plan__c", "product_c", "Product__c"]
time.starts = ["start_date", "StartDate", "Contract Start Date"]
time.ends = ["end_date", "EndDate", "Contract End Date"]
number.term = ["contract_term", "ContractTerm", "Contract Term (months)", "Contract Term"]
time.activated = ["activated_date", "ActivatedDate", "Activated Date"]
time.cancel_requested_at = ["cancellation_date_c", "Cancellation_Date__c", "cancel_requested_date_c", "termination_notice_date_c", "notice_date_c"]
text.cancel_reason = ["cancellation_reason_c", "Cancellation_Reason__c", "churn_reason_c", "Churn_Reason__c"]
number.notice_days = ["notice_period_days_c", "Notice_Period_Days__c"]
flag.auto_renew = ["auto_renew_c", "Auto_Renew__c", "auto_renewal_c", "Auto_Renewal__c"]
number.mrr = ["mrr_c", "MRR__c"]
number.arr = ["arr_c", "ARR__c", "acv_c", "ACV__c", "annual_contract_value_c", "Annual_Contract_Value__c"]
number.seats = ["seats_c", "Seats__c", "licenses_c", "Licenses__c", "number_of_users_c"]
text.currency = ["currency_iso_code", "CurrencyIsoCode"]
time.created = ["created_date", "CreatedDate"]
time.changed = ["system_modstamp", "SystemModstamp", "last_modified_date", "LastModifiedDate", "Last Modified Date"]

[objects.cpq]
names = ["sbqq_subscription_c", "SBQQ__Subscription__c", "cpq_subscription"]
needs = ["id", "contract_id", "quantity"]
key = ["id"]
recorded = ["created", "changed"]
text.id = []
text.contract_id = ["sbqq_contract_c", "SBQQ__Contract__c"]
text.product = ["sbqq_product_name_c", "SBQQ__ProductName__c", "sbqq_product_c", "SBQQ__Product__c"]
number.quantity = ["sbqq_quantity_c", "SBQQ__Quantity__c"]
number.net_price = ["sbqq_net_price_c", "SBQQ__NetPrice__c"]
time.starts = ["sbqq_start_date_c", "SBQQ__StartDate__c", "sbqq_subscription_start_date_c", "SBQQ__SubscriptionStartDate__c"]
time.ends = ["sbqq_end_date_c", "SBQQ__EndDate__c", "sbqq_subscription_end_date_c", "SBQQ__SubscriptionEndDate__c"]
time.terminated = ["sbqq_terminated_date_c", "SBQQ__TerminatedDate__c"]
time.created = ["created_date", "CreatedDate"]
time.changed = ["system_modstamp", "SystemModstamp", "last_modified_date", "LastModifiedDate"]

[objects.ticket]
names = ["case", "cases", "case_history"]
needs = ["id", "account_id", "subject", "status", "priority", "case_number"]
key = ["id"]
recorded = ["created", "changed", "closed"]
text.id = ["Case ID"]
text.case_number = ["CaseNumber", "Case Number"]
text.account_id = ["AccountId", "Account ID"]
text.contact_id = ["ContactId", "Contact ID"]
text.subject = []
text.description = []
text.status = []
text.priority = []
text.origin = ["Case Origin"]
text.type = ["Case Type"]
number.satisfaction = ["csat_c", "CSAT__c", "csat_score_c", "CSAT_Score__c", "satisfaction_c", "Satisfaction__c"]
time.first_reply = ["first_response_date_c", "First_Response_Date__c", "first_response_at_c"]
time.closed = ["closed_date", "ClosedDate", "Date/Time Closed"]
time.created = ["created_date", "CreatedDate", "Date/Time Opened"]
time.changed = ["system_modstamp", "SystemModstamp", "last_modified_date", "LastModifiedDate", "Case Last Modified Date"]
*/
-- table: accounts
WITH RECURSIVE merged AS (
  SELECT DISTINCT id, master_record_id AS into_id, 1 AS depth FROM account WHERE master_record_id <> id AND master_record_id IN (SELECT id FROM account)
  UNION ALL
  SELECT m.id, a.master_record_id, depth + 1 FROM merged m JOIN (SELECT DISTINCT id, master_record_id FROM account WHERE master_record_id <> id AND master_record_id IN (SELECT id FROM account)) a ON a.id = m.into_id WHERE depth < 9
), survivor AS (
  SELECT id, arg_max(into_id, depth) AS into_id FROM merged GROUP BY id
), seen AS (
  -- a state holds since it was last changed, whenever it was loaded
  SELECT *, coalesce(_from, changed, _seen) AS known_at, CASE WHEN coalesce(_from, changed) IS NULL THEN 'snapshot' ELSE 'history' END AS basis FROM account
  WHERE id IS NOT NULL AND id NOT IN (SELECT id FROM merged)
), child AS (
  SELECT account_id AS id, created FROM contact UNION ALL SELECT account_id, created FROM opportunity UNION ALL SELECT account_id, created FROM event
  UNION ALL SELECT account_id, created FROM task UNION ALL SELECT account_id, created FROM contract UNION ALL SELECT account_id, created FROM ticket
), birth AS (
  SELECT id, min(created) AS created, min(created_first) AS first FROM (
    SELECT id, created, NULL::TIMESTAMPTZ AS created_first FROM seen
    UNION ALL
    SELECT coalesce(s.into_id, c.id), NULL, c.created FROM child c LEFT JOIN survivor s ON s.id = c.id WHERE coalesce(s.into_id, c.id) IN (SELECT id FROM seen)
  ) GROUP BY id
), dated AS (
  SELECT id, coalesce(created, first) AS known_at, CASE WHEN created IS NULL THEN 'assumed' ELSE 'created' END AS basis, 1 AS rank,
    NULL::VARCHAR AS name, NULL::VARCHAR AS segment, NULL::VARCHAR AS industry, NULL::VARCHAR AS country, NULL::VARCHAR AS owner, NULL::VARCHAR AS parent, NULL::VARCHAR AS lifecycle, NULL::VARCHAR AS currency, NULL::DOUBLE AS employees, false AS gone
  FROM birth WHERE coalesce(created, first) IS NOT NULL
  UNION ALL
  SELECT s.id, s.known_at, s.basis, 0, s.name, s.segment, s.industry, s.country, coalesce(u.name, s.owner_id), coalesce(p.into_id, s.parent_id), s.type, upper(s.currency), s.employees, s._deleted
  FROM seen s LEFT JOIN (SELECT id, any_value(name ORDER BY _seen DESC NULLS LAST, name) AS name FROM user GROUP BY id) u ON u.id = s.owner_id
  LEFT JOIN survivor p ON p.id = s.parent_id WHERE s.known_at IS NOT NULL
)
SELECT id || '@' || epoch_us(known_at) AS source_id, id AS account_id, known_at, basis AS known_basis, known_at AS valid_from, name, segment, industry, country, owner,
  parent AS parent_account_id, lifecycle, currency, employees, gone AS deleted
FROM dated
QUALIFY row_number() OVER (PARTITION BY id, known_at ORDER BY rank, basis, gone, name, segment, industry, country, owner, parent, lifecycle, employees) = 1
-- table: identities
WITH RECURSIVE merged AS (
  SELECT DISTINCT id, master_record_id AS into_id, 1 AS depth FROM account WHERE master_record_id <> id AND master_record_id IN (SELECT id FROM account)
  UNION ALL
  SELECT m.id, a.master_record_id, depth + 1 FROM merged m JOIN (SELECT DISTINCT id, master_record_id FROM account WHERE master_record_id <> id AND master_record_id IN (SELECT id FROM account)) a ON a.id = m.into_id WHERE depth < 9
), survivor AS (
  SELECT id, arg_max(into_id, depth) AS into_id FROM merged GROUP BY id
)
-- what knows an account by the id that it had before it was merged, or by its id of 15 letters, finds it still
SELECT 'account' AS kind, coalesce(s.into_id, a.id) AS source_key, NULL::VARCHAR AS account_key, CASE WHEN s.id IS NULL THEN a.external_id END AS external_id, unnest(list_distinct([a.id, substr(a.id, 1, 15)])) AS crm_id,
  NULL::VARCHAR AS email, site_domain(a.website) AS domain, CASE WHEN s.id IS NULL THEN a.name END AS name
FROM account a LEFT JOIN survivor s ON s.id = a.id WHERE a.id IS NOT NULL
UNION
SELECT 'account', s.into_id, NULL, NULL, s.into_id, NULL, NULL, NULL FROM survivor s
UNION
-- who went to another account belongs to the last one
SELECT 'person', c.id, coalesce(s.into_id, l.account_id), NULL, NULL, c.email, NULL, coalesce(c.name, nullif(concat_ws(' ', c.first_name, c.last_name), ''))
FROM contact c LEFT JOIN (SELECT id, any_value(account_id ORDER BY coalesce(_from, changed, _seen) DESC NULLS LAST, account_id) AS account_id FROM contact WHERE account_id IS NOT NULL GROUP BY id) l USING (id)
LEFT JOIN survivor s ON s.id = l.account_id WHERE c.id IS NOT NULL
UNION
SELECT 'person', l.id, coalesce(s.into_id, l.converted_account_id), NULL, NULL, l.email, NULL, NULL FROM lead l LEFT JOIN survivor s ON s.id = l.converted_account_id WHERE l.id IS NOT NULL
-- table: people
WITH RECURSIVE merged AS (
  SELECT DISTINCT id, master_record_id AS into_id, 1 AS depth FROM account WHERE master_record_id <> id AND master_record_id IN (SELECT id FROM account)
  UNION ALL
  SELECT m.id, a.master_record_id, depth + 1 FROM merged m JOIN (SELECT DISTINCT id, master_record_id FROM account WHERE master_record_id <> id AND master_record_id IN (SELECT id FROM account)) a ON a.id = m.into_id WHERE depth < 9
), survivor AS (
  SELECT id, arg_max(into_id, depth) AS into_id FROM merged GROUP BY id
), seen AS (
  SELECT c.id, coalesce(s.into_id, c.account_id) AS account_id, c.title, c.created, coalesce(c._from, c.changed, c._seen) AS known_at,
    CASE WHEN coalesce(c._from, c.changed) IS NULL THEN 'snapshot' ELSE 'history' END AS basis, coalesce(c.gone, false) OR c._deleted AS gone,
    list_distinct(list_filter([
      'contact', CASE WHEN c.exec_sponsor OR regexp_matches(lower(c.role), 'sponsor') THEN 'exec_sponsor' END,
      CASE WHEN c.champion OR regexp_matches(lower(c.role), 'champion') THEN 'champion' END,
      CASE WHEN c.economic_buyer OR regexp_matches(lower(c.role), 'economic|budget') THEN 'economic_buyer' END,
      CASE WHEN regexp_matches(lower(c.role), 'admin') THEN 'admin' END], lambda x: x IS NOT NULL)) AS roles
  FROM contact c LEFT JOIN survivor s ON s.id = c.account_id WHERE c.id IS NOT NULL AND c.account_id IS NOT NULL
), version AS (
  SELECT * FROM seen WHERE known_at IS NOT NULL
  QUALIFY row_number() OVER (PARTITION BY id, known_at ORDER BY basis, gone, account_id, title, roles::VARCHAR) = 1
), held AS (
  SELECT *, lag(account_id) OVER w AS before, lag(roles) OVER w AS roles_before FROM version WINDOW w AS (PARTITION BY id ORDER BY known_at)
), stated AS (
  SELECT id, account_id, unnest(roles) AS role, known_at, basis, title, gone, 0 AS rank FROM held
  UNION ALL
  -- a role that was given up, or all of them where the person went to another account
  SELECT id, before, unnest(CASE WHEN account_id <> before THEN roles_before ELSE list_filter(roles_before, lambda x: NOT list_contains(roles, x)) END), known_at, basis, NULL, true, 1
  FROM held WHERE before IS NOT NULL
  UNION ALL
  SELECT id, arg_min(account_id, coalesce(known_at, created)), 'contact', min(created), 'created', NULL, false, 2 FROM seen WHERE created IS NOT NULL GROUP BY id
  UNION ALL
  SELECT r.contact_id, coalesce(s.into_id, o.account_id),
    CASE WHEN regexp_matches(lower(r.role), 'sponsor') THEN 'exec_sponsor' WHEN regexp_matches(lower(r.role), 'champion') THEN 'champion'
      WHEN regexp_matches(lower(r.role), 'economic|budget') THEN 'economic_buyer' WHEN regexp_matches(lower(r.role), 'admin') THEN 'admin' END,
    coalesce(r._from, r.changed, r._seen), CASE WHEN coalesce(r._from, r.changed) IS NULL THEN 'snapshot' ELSE 'history' END, NULL, r._deleted, 3
  FROM contact_role r JOIN (SELECT id, any_value(account_id ORDER BY coalesce(_from, changed, _seen) DESC NULLS LAST, account_id) AS account_id FROM opportunity GROUP BY id) o ON o.id = r.opportunity_id
  LEFT JOIN survivor s ON s.id = o.account_id WHERE r.contact_id IS NOT NULL
)
SELECT id || '/' || role || '/' || account_id || '@' || epoch_us(known_at) AS source_id, account_id, id AS person_id, role, known_at, basis AS known_basis, known_at AS valid_from, title, gone AS deleted
FROM stated WHERE role IS NOT NULL AND known_at IS NOT NULL AND account_id IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY id, role, account_id, known_at ORDER BY rank, gone, basis, title) = 1
-- table: deals
WITH RECURSIVE merged AS (
  SELECT DISTINCT id, master_record_id AS into_id, 1 AS depth FROM account WHERE master_record_id <> id AND master_record_id IN (SELECT id FROM account)
  UNION ALL
  SELECT m.id, a.master_record_id, depth + 1 FROM merged m JOIN (SELECT DISTINCT id, master_record_id FROM account WHERE master_record_id <> id AND master_record_id IN (SELECT id FROM account)) a ON a.id = m.into_id WHERE depth < 9
), survivor AS (
  SELECT id, arg_max(into_id, depth) AS into_id FROM merged GROUP BY id
), seen AS (
  SELECT o.id, coalesce(s.into_id, o.account_id) AS account_id, o.type, o.stage_name, o.is_closed, o.is_won, o.amount, o.currency, o.close_date, o.probability,
    o.budget_status, o.budget_amount, o.created, o._deleted AS gone, coalesce(o._from, o.changed, o._seen) AS known_at,
    CASE WHEN coalesce(o._from, o.changed) IS NULL THEN 'snapshot' ELSE 'history' END AS basis
  FROM opportunity o LEFT JOIN survivor s ON s.id = o.account_id WHERE o.id IS NOT NULL
), one AS (
  SELECT id, any_value(account_id ORDER BY known_at DESC NULLS LAST, account_id) AS account_id, min(created) AS created, any_value(currency ORDER BY known_at DESC NULLS LAST, currency) AS currency FROM seen GROUP BY id
), meaning AS (
  SELECT stage_name, bool_or(is_closed) AS is_closed, bool_or(is_won) AS is_won FROM seen WHERE stage_name IS NOT NULL GROUP BY stage_name
), stated AS (
  SELECT id, account_id, known_at, basis, 0 AS rank, type, stage_name, is_closed, is_won, amount, currency, close_date, probability, budget_status, budget_amount, gone FROM seen WHERE known_at IS NOT NULL
  UNION ALL BY NAME
  SELECT h.opportunity_id AS id, o.account_id, h.created AS known_at, 'history' AS basis, 1 AS rank, h.stage_name,
    coalesce(m.is_closed, h.forecast_category IN ('Closed', 'Omitted')) AS is_closed, coalesce(m.is_won, h.forecast_category = 'Closed') AS is_won,
    h.amount, o.currency, h.close_date, h.probability, false AS gone
  FROM stage h JOIN one o ON o.id = h.opportunity_id LEFT JOIN meaning m ON m.stage_name = h.stage_name WHERE h.created IS NOT NULL
  UNION ALL BY NAME
  SELECT id, account_id, created AS known_at, 'created' AS basis, 2 AS rank, false AS is_closed, false AS is_won, false AS gone FROM one WHERE created IS NOT NULL
)
SELECT id || '@' || epoch_us(known_at) AS source_id, account_id, id AS deal_id, known_at, basis AS known_basis, known_at AS valid_from,
  CASE WHEN regexp_matches(lower(type), 'renew|verl.nger') THEN 'renewal' WHEN regexp_matches(lower(type), 'downgrade|contraction|downsell') THEN 'contraction'
    WHEN regexp_matches(lower(type), 'upgrade|expan|upsell|up-sell|cross|add[ -]?on|existing business') THEN 'expansion' WHEN regexp_matches(lower(type), '^new|new (business|customer|logo)|neu') THEN 'new'
    ELSE 'other' END AS kind,
  stage_name AS stage, is_closed, is_won, amount, upper(currency) AS currency, close_date, probability / 100 AS probability,
  CASE WHEN lower(budget_status) IN ('dedicated', 'contested', 'none') THEN lower(budget_status) WHEN regexp_matches(lower(budget_status), 'confirm|approv|secured|allocated') THEN 'dedicated'
    WHEN regexp_matches(lower(budget_status), '^no|none') THEN 'none' WHEN budget_status IS NOT NULL THEN 'contested' END AS budget_status,
  budget_amount, gone AS deleted
FROM stated WHERE account_id IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY id, known_at ORDER BY rank, basis, gone, stage_name, amount, close_date) = 1
-- table: subscriptions
WITH RECURSIVE merged AS (
  SELECT DISTINCT id, master_record_id AS into_id, 1 AS depth FROM account WHERE master_record_id <> id AND master_record_id IN (SELECT id FROM account)
  UNION ALL
  SELECT m.id, a.master_record_id, depth + 1 FROM merged m JOIN (SELECT DISTINCT id, master_record_id FROM account WHERE master_record_id <> id AND master_record_id IN (SELECT id FROM account)) a ON a.id = m.into_id WHERE depth < 9
), survivor AS (
  SELECT id, arg_max(into_id, depth) AS into_id FROM merged GROUP BY id
), seen AS (
  SELECT c.* EXCLUDE (account_id, ends), coalesce(s.into_id, c.account_id) AS account_id, coalesce(c.ends, c.starts + to_months(c.term::INT)) AS ends, coalesce(c._from, c.changed, c._seen) AS known_at,
    CASE WHEN coalesce(c._from, c.changed) IS NULL THEN 'snapshot' ELSE 'history' END AS basis
  FROM contract c LEFT JOIN survivor s ON s.id = c.account_id WHERE c.id IS NOT NULL
), version AS (
  SELECT * FROM seen WHERE known_at IS NOT NULL QUALIFY row_number() OVER (PARTITION BY id, known_at ORDER BY basis, _deleted, status, ends, mrr, arr) = 1
), line AS (
  SELECT *, coalesce(_from, changed, _seen) AS known_at FROM cpq WHERE id IS NOT NULL AND contract_id IS NOT NULL
), moment AS (
  SELECT id, known_at FROM version
  UNION
  SELECT l.contract_id, l.known_at FROM line l JOIN (SELECT id, min(known_at) AS first FROM version GROUP BY id) v ON v.id = l.contract_id AND l.known_at > v.first
), held AS (
  SELECT m.known_at AS moment, v.* FROM moment m ASOF JOIN version v ON v.id = m.id AND v.known_at <= m.known_at
), bought AS (
  SELECT id, moment, string_agg(DISTINCT product, ' + ' ORDER BY product) AS plan, sum(quantity) AS seats,
    CASE WHEN count(*) = count(monthly) THEN sum(monthly) END AS mrr
  FROM (
    -- a net price is for the time of the line
    SELECT h.id, h.moment, l.product, l.quantity, l.net_price * l.quantity / nullif(round(date_diff('day', l.starts, l.ends) / 30.4375), 0) AS monthly, l._deleted
    FROM held h JOIN line l ON l.contract_id = h.id AND l.known_at <= h.moment
    QUALIFY row_number() OVER (PARTITION BY h.id, h.moment, l.id ORDER BY l.known_at DESC, l.quantity) = 1 AND NOT l._deleted AND coalesce(l.terminated > h.moment, true)
  ) GROUP BY ALL
), latest AS (
  SELECT *, (SELECT max(greatest(_seen, changed, created)) FROM contract) AS horizon FROM seen QUALIFY row_number() OVER (PARTITION BY id ORDER BY known_at DESC NULLS LAST, status) = 1
), stated AS (
  SELECT h.id, h.account_id, h.moment AS known_at, h.moment AS valid_from, CASE WHEN h.moment = h.known_at THEN h.basis ELSE 'history' END AS basis, 0 AS rank,
    CASE WHEN regexp_matches(lower(h.status), 'terminat|cancel|expired|gek.ndigt|beendet') OR (h.ends + INTERVAL 1 DAY <= h.moment AND NOT coalesce(h.auto_renew, false)) THEN 'canceled'
      WHEN regexp_matches(lower(h.status), 'activ|signed|live|aktiv') THEN 'active' ELSE 'draft' END AS status,
    coalesce(b.plan, h.plan) AS plan, coalesce(h.mrr, h.arr / 12, b.mrr) AS mrr, h.currency, coalesce(h.seats, b.seats) AS seats, h.starts, h.ends, h.term, h.auto_renew, h.cancel_requested_at, h.cancel_reason, h.notice_days, h._deleted AS gone
  FROM held h LEFT JOIN bought b USING (id, moment)
  UNION ALL BY NAME
  -- a contract that nobody touched again ran out
  SELECT id, account_id, ends + INTERVAL 1 DAY AS known_at, ends + INTERVAL 1 DAY AS valid_from, 'assumed' AS basis, 1 AS rank, 'canceled' AS status, plan, coalesce(mrr, arr / 12) AS mrr, currency, seats, starts, ends, term, auto_renew, cancel_requested_at, cancel_reason, notice_days, false AS gone
  FROM latest WHERE known_at <= ends AND ends + INTERVAL 1 DAY <= horizon AND NOT coalesce(auto_renew, false) AND regexp_matches(lower(status), 'activ|signed|live|aktiv') AND NOT _deleted
  UNION ALL BY NAME
  SELECT id, account_id, activated AS known_at, activated AS valid_from, 'event' AS basis, 2 AS rank, 'active' AS status, false AS gone FROM latest WHERE activated IS NOT NULL
  UNION ALL BY NAME
  SELECT id, account_id, created AS known_at, created AS valid_from, 'created' AS basis, 3 AS rank, 'draft' AS status, false AS gone FROM latest WHERE created IS NOT NULL
)
SELECT id || '@' || epoch_us(known_at) AS source_id, account_id, id AS subscription_id, known_at, basis AS known_basis, valid_from, status, plan, mrr, upper(currency) AS currency, seats,
  starts AS term_start, ends AS term_end, coalesce(term, round(date_diff('day', starts, ends) / 30.4375)) AS term_months, auto_renew, notice_days,
  cancel_requested_at, CASE WHEN cancel_requested_at IS NOT NULL OR status = 'canceled' THEN ends END AS ends_at, cancel_reason, gone AS deleted
FROM stated WHERE account_id IS NOT NULL
QUALIFY row_number() OVER (PARTITION BY id, known_at ORDER BY rank, status) = 1
-- table: tickets
WITH RECURSIVE merged AS (
  SELECT DISTINCT id, master_record_id AS into_id, 1 AS depth FROM account WHERE master_record_id <> id AND master_record_id IN (SELECT id FROM account)
  UNION ALL
  SELECT m.id, a.master_record_id, depth + 1 FROM merged m JOIN (SELECT DISTINCT id, master_record_id FROM account WHERE master_record_id <> id AND master_record_id IN (SELECT id FROM account)) a ON a.id = m.into_id WHERE depth < 9
), survivor AS (
  SELECT id, arg_max(into_id, depth) AS into_id FROM merged GROUP BY id
), seen AS (
  SELECT t.* EXCLUDE (account_id), coalesce(s.into_id, t.account_id) AS account_id, coalesce(t._from, t.changed, t._seen) AS known_at, CASE WHEN coalesce(t._from, t.changed) IS NULL THEN 'snapshot' ELSE 'history' END AS basis
  FROM ticket t LEFT JOIN survivor s ON s.id = t.account_id WHERE t.id IS NOT NULL AND t.created IS NOT NULL
), stated AS (
  SELECT * FROM (SELECT id, account_id, contact_id, created, created AS known_at, 'created' AS basis, 1 AS rank, closed, first_reply, subject, description, origin, NULL::VARCHAR AS priority, NULL::VARCHAR AS type, NULL::DOUBLE AS satisfaction, false AS gone
  FROM seen QUALIFY row_number() OVER (PARTITION BY id ORDER BY seen.known_at DESC NULLS LAST, closed, status) = 1)
  UNION ALL BY NAME
  SELECT id, account_id, contact_id, created, known_at, basis, 0 AS rank, closed, first_reply, subject, description, origin, priority, type,
    rating_share(satisfaction, (SELECT max(satisfaction) FROM ticket)) AS satisfaction, _deleted AS gone
  FROM seen WHERE known_at IS NOT NULL
)
SELECT id || '@' || epoch_us(known_at) AS source_id, account_id, contact_id AS person_id, id AS ticket_id, known_at, basis AS known_basis, created AS opened_at, first_reply AS first_reply_at, closed AS solved_at,
  lower(priority) AS priority, lower(origin) AS channel, type AS category, satisfaction, CASE WHEN satisfaction IS NOT NULL THEN known_at END AS satisfaction_at, subject, without_html(description) AS body, gone AS deleted
FROM stated
QUALIFY row_number() OVER (PARTITION BY id, known_at ORDER BY rank, basis, gone, priority, satisfaction, closed) = 1
-- table: touchpoints
WITH RECURSIVE merged AS (
  SELECT DISTINCT id, master_record_id AS into_id, 1 AS depth FROM account WHERE master_record_id <> id AND master_record_id IN (SELECT id FROM account)
  UNION ALL
  SELECT m.id, a.master_record_id, depth + 1 FROM merged m JOIN (SELECT DISTINCT id, master_record_id FROM account WHERE master_record_id <> id AND master_record_id IN (SELECT id FROM account)) a ON a.id = m.into_id WHERE depth < 9
), survivor AS (
  SELECT id, arg_max(into_id, depth) AS into_id FROM merged GROUP BY id
), place AS (
  -- what an activity is about stays where it is, its account follows its contact
  SELECT id, any_value(account_id ORDER BY account_id) AS account_id FROM (
    SELECT id, id AS account_id FROM account UNION SELECT id, account_id FROM contract
    UNION SELECT * FROM (SELECT id, any_value(account_id ORDER BY coalesce(_from, changed, _seen) DESC NULLS LAST, account_id) FROM opportunity GROUP BY id)
  ) WHERE account_id IS NOT NULL GROUP BY id
), meeting AS (
  SELECT *, coalesce(_from, changed, _seen) AS said_at, CASE WHEN coalesce(_from, changed) IS NULL THEN 'snapshot' ELSE 'history' END AS said_basis,
    lower(concat_ws(' ', type, subtype, subject)) AS words, (SELECT max(greatest(_seen, changed, created)) FROM event) AS horizon
  FROM event WHERE id IS NOT NULL AND created IS NOT NULL AND NOT coalesce(is_child, false) AND NOT coalesce(is_recurrence, false)
), planned AS (
  -- as it was when it was put into the calendar
  SELECT * FROM meeting QUALIFY row_number() OVER (PARTITION BY id ORDER BY said_at NULLS FIRST, starts) = 1
), settled AS (
  SELECT * FROM meeting QUALIFY row_number() OVER (PARTITION BY id ORDER BY said_at DESC NULLS LAST, starts) = 1
), met AS (
  -- a date, a note and an outcome may have been written later: they count from when the record was last changed
  SELECT id, account_id, what_id, who_id, owner_id, words, subject, CASE WHEN said_at <= created THEN description END AS description, NULL::VARCHAR AS outcome, playbook, duration_min, created AS known_at, 'created' AS basis, 2 AS rank,
    created AS occurred_at, CASE WHEN said_at <= created THEN starts END AS scheduled_at, 'scheduled' AS status, NULL::VARCHAR AS direction, false AS gone
  FROM planned WHERE starts > created
  UNION ALL BY NAME
  SELECT id, account_id, what_id, who_id, owner_id, words, subject, CASE WHEN said_at <= greatest(starts, created) THEN description END AS description, NULL::VARCHAR AS outcome, playbook, duration_min, greatest(starts, created) AS known_at, 'created' AS basis, 1 AS rank,
    coalesce(starts, created) AS occurred_at, starts AS scheduled_at, CASE WHEN no_show IS NOT NULL THEN 'held' END AS status, false AS gone
  FROM settled WHERE coalesce(starts, created) <= horizon AND NOT _deleted
  UNION ALL BY NAME
  SELECT id, account_id, what_id, who_id, owner_id, words, subject, description, outcome, playbook, duration_min, said_at AS known_at, said_basis AS basis, 0 AS rank,
    least(coalesce(starts, created), said_at) AS occurred_at, starts AS scheduled_at,
    CASE WHEN no_show OR regexp_matches(lower(status), 'no.?show') THEN 'no_show' WHEN cancelled OR regexp_matches(lower(status), 'cancel') THEN 'cancelled'
      WHEN starts > said_at THEN 'scheduled' WHEN no_show = false OR regexp_matches(lower(status), 'held|complet|done') THEN 'held' END AS status, _deleted AS gone
  FROM meeting WHERE said_at IS NOT NULL AND said_at > created
), todo AS (
  SELECT *, coalesce(is_closed, lower(status) = 'completed') AS closed, lower(concat_ws(' ', subtype, type, CASE WHEN coalesce(subtype, '') NOT IN ('Call', 'Email', 'ListEmail') THEN subject END)) AS words,
    coalesce(_from, changed, _seen) AS said_at, CASE WHEN coalesce(_from, changed) IS NULL THEN 'snapshot' ELSE 'history' END AS said_basis
  FROM task WHERE id IS NOT NULL AND created IS NOT NULL AND NOT coalesce(is_recurrence, false)
), todo_last AS (
  SELECT *, coalesce(completed, CASE WHEN closed AND due <= created THEN created END) AS done_at FROM todo QUALIFY row_number() OVER (PARTITION BY id ORDER BY said_at DESC NULLS LAST, status) = 1
), done AS (
  SELECT id, account_id, what_id, who_id, owner_id, words, subject, CASE WHEN said_at <= created THEN description END AS description, CASE WHEN said_at <= created THEN outcome END AS outcome, playbook, call_seconds / 60 AS duration_min, created AS known_at, 'created' AS basis, 2 AS rank,
    CASE WHEN done_at <= created THEN least(coalesce(due, done_at), created) ELSE created END AS occurred_at, CASE WHEN said_at <= created OR done_at <= created THEN due END AS scheduled_at, CASE WHEN done_at <= created THEN 'done' ELSE 'scheduled' END AS status, call_type, false AS gone
  FROM todo_last
  UNION ALL BY NAME
  SELECT id, account_id, what_id, who_id, owner_id, words, subject, CASE WHEN said_at <= done_at THEN description END AS description, CASE WHEN said_at <= done_at THEN outcome END AS outcome, playbook, call_seconds / 60 AS duration_min, done_at AS known_at, 'event' AS basis, 1 AS rank,
    done_at AS occurred_at, due AS scheduled_at, 'done' AS status, call_type, false AS gone
  FROM todo_last WHERE done_at > created
  UNION ALL BY NAME
  SELECT id, account_id, what_id, who_id, owner_id, words, subject, description, outcome, playbook, call_seconds / 60 AS duration_min, said_at AS known_at, said_basis AS basis, 0 AS rank,
    CASE WHEN NOT closed THEN created WHEN completed IS NOT NULL THEN least(completed, said_at) WHEN due <= created THEN due ELSE least(coalesce(due, said_at), said_at) END AS occurred_at, due AS scheduled_at,
    CASE WHEN no_show THEN 'no_show' WHEN regexp_matches(lower(status), 'defer|cancel|skip') THEN 'cancelled' WHEN closed THEN 'done' ELSE 'scheduled' END AS status, call_type, _deleted AS gone
  FROM todo WHERE said_at > created
), touched AS (
  SELECT *, NULL::VARCHAR AS call_type, 'meeting' AS usual FROM met UNION ALL BY NAME SELECT *, 'action' AS usual FROM done
)
SELECT t.id AS source_id, coalesce(s.into_id, p.account_id, t.account_id, c.account_id) AS account_id, t.who_id AS person_id, t.known_at, t.basis AS known_basis, t.occurred_at,
  CASE WHEN regexp_matches(t.words, '\bqbr\b|\bebr\b|business review|quarterly review') THEN 'review' WHEN regexp_matches(t.words, '\bcall\b|telefonat|anruf') THEN 'call'
    WHEN regexp_matches(t.words, '\b(list)?e-?mail\b') THEN 'outreach' WHEN regexp_matches(t.words, '\bmeeting\b|\bdemo\b|termin\b') THEN 'meeting' ELSE t.usual END AS kind,
  t.subject AS subtype, CASE lower(t.call_type) WHEN 'inbound' THEN 'in' WHEN 'outbound' THEN 'out' END AS direction, t.status, t.scheduled_at, t.duration_min, coalesce(u.name, t.owner_id) AS owner, t.playbook, t.outcome, t.description AS text, t.gone AS deleted
FROM touched t LEFT JOIN place p ON p.id = t.what_id
LEFT JOIN (SELECT id, any_value(account_id ORDER BY coalesce(_from, changed, _seen) DESC NULLS LAST, account_id) AS account_id FROM contact GROUP BY id) c ON c.id = t.who_id
LEFT JOIN (SELECT id, any_value(name ORDER BY _seen DESC NULLS LAST, name) AS name FROM user GROUP BY id) u ON u.id = t.owner_id
LEFT JOIN survivor s ON s.id = coalesce(p.account_id, t.account_id, c.account_id)
QUALIFY row_number() OVER (PARTITION BY t.id, t.known_at ORDER BY t.rank, t.gone, t.status, t.occurred_at) = 1
