/*
title = "HubSpot"
keeps = "every change of a property (*_property_history or propertiesWithHistory), stages of deals"
loses = "without that history all that is overwritten; outcomes of meetings count from their last change on"
aside = ["email_campaign", "form", "role", "team", "users"]

[objects.company]
names = ["company", "companies", "all_companies"]
needs = ["id", "name", "createdate"]
key = ["id"]
recorded = ["createdate", "updated_at"]
prefixes = ["property_", "properties."]
text.id = ["Record ID", "company_id", "hs_object_id"]
text.name = ["Company name"]
text.domain = ["Company Domain Name"]
text.website = ["Website URL"]
text.industry = []
text.country = ["Country/Region"]
text.segment = ["customer_segment", "tier", "customer_tier"]
text.owner_id = ["hubspot_owner_id", "Company owner"]
text.parent_id = ["hs_parent_company_id", "Parent Company ID"]
text.lifecycle = ["lifecyclestage", "Lifecycle Stage"]
text.currency = ["hs_currency_code"]
text.external_id = ["account_id", "customer_id", "external_account_id"]
text.crm_id = ["salesforceaccountid", "salesforce_account_id"]
number.employees = ["numberofemployees", "Number of Employees"]
time.createdate = ["Create Date", "createdAt", "created_at"]
time.updated_at = ["hs_lastmodifieddate", "Last Modified Date", "updatedAt"]
flag.archived = []
json.history = ["propertiesWithHistory"]

[objects.company_history]
names = ["company_property_history", "companies_property_history"]
needs = ["id", "name", "value", "changed_at"]
recorded = ["changed_at"]
text.id = ["company_id", "object_id"]
text.name = ["property_name"]
text.value = ["property_value"]
time.changed_at = ["timestamp", "timestamp_instant"]

[objects.contact]
names = ["contact", "contacts", "all_contacts"]
needs = ["id", "email", "createdate"]
key = ["id"]
recorded = ["createdate", "updated_at"]
prefixes = ["property_", "properties."]
text.id = ["Record ID", "vid", "hs_object_id"]
text.email = []
text.firstname = ["First Name"]
text.lastname = ["Last Name"]
text.title = ["jobtitle", "Job Title"]
text.company_id = ["associatedcompanyid", "Primary Associated Company ID", "Associated Company IDs (Primary)", "Associated Company IDs", "associations.companies.results[0].id"]
text.buying_role = ["hs_buying_role", "Buying Role"]
text.external_id = ["user_id", "external_user_id"]
flag.exec_sponsor = ["executive_sponsor", "is_executive_sponsor"]
flag.champion = ["is_champion"]
json.companies = []
time.createdate = ["Create Date", "createdAt", "created_at"]
time.updated_at = ["lastmodifieddate", "Last Modified Date", "updatedAt"]
flag.archived = []
json.history = ["propertiesWithHistory"]

[objects.contact_history]
names = ["contact_property_history", "contacts_property_history"]
needs = ["id", "name", "value", "changed_at"]
recorded = ["changed_at"]
text.id = ["contact_id", "object_id"]
text.name = ["property_name"]
text.value = ["property_value"]
time.changed_at = ["timestamp", "timestamp_instant"]

[objects.contact_list]
names = ["contact_list", "contact_lists"]
needs = ["id", "name"]
text.id = ["list_id"]
text.name = []

[objects.contact_company]
names = ["contact_company", "contact_companies"]
needs = ["contact_id", "company_id"]
key = ["contact_id", "company_id"]
text.contact_id = []
text.company_id = []
number.type_id = []

[objects.owner]
names = ["owner", "owners"]
needs = ["id", "email", "user_id"]
key = ["id"]
text.id = ["owner_id"]
text.email = []
text.user_id = ["active_user_id", "userId"]

[objects.deal]
names = ["deal", "deals", "all_deals"]
needs = ["id", "dealname", "createdate"]
key = ["id"]
recorded = ["createdate", "updated_at"]
prefixes = ["property_", "properties."]
text.id = ["Record ID", "deal_id", "hs_object_id"]
text.dealname = ["Deal Name"]
text.dealtype = ["Deal Type"]
text.stage = ["dealstage", "deal_pipeline_stage_id", "Deal Stage"]
text.pipeline = ["deal_pipeline_id"]
text.currency = ["deal_currency_code"]
text.company_id = ["Primary Associated Company ID", "Associated Company IDs (Primary)", "Associated Company IDs", "associations.companies.results[0].id"]
text.budget_status = []
number.budget_amount = []
number.amount = []
number.probability = ["hs_deal_stage_probability", "Deal probability"]
flag.is_closed = ["hs_is_closed", "Is Deal Closed?"]
flag.is_won = ["hs_is_closed_won", "Is Closed Won"]
json.companies = []
time.closedate = ["Close Date"]
time.createdate = ["Create Date", "createdAt", "created_at"]
time.updated_at = ["hs_lastmodifieddate", "Last Modified Date", "updatedAt"]
flag.archived = []
json.history = ["propertiesWithHistory"]

[objects.deal_history]
names = ["deal_property_history", "deals_property_history"]
needs = ["id", "name", "value", "changed_at"]
recorded = ["changed_at"]
text.id = ["deal_id", "object_id"]
text.name = ["property_name"]
text.value = ["property_value"]
time.changed_at = ["timestamp", "timestamp_instant"]

[objects.deal_stage]
names = ["deal_stage"]
needs = ["deal_id", "value", "changed_at"]
recorded = ["changed_at"]
text.deal_id = []
text.value = []
time.changed_at = ["date_entered", "_fivetran_start"]

[objects.deal_company]
names = ["deal_company", "deal_companies"]
needs = ["deal_id", "company_id"]
key = ["deal_id", "company_id"]
text.deal_id = []
text.company_id = []
number.type_id = []

[objects.pipeline]
names = ["deal_pipeline", "deal_pipelines", "pipelines"]
needs = ["id", "label"]
key = ["id"]
text.id = ["pipeline_id"]
text.label = []
json.stages = []

[objects.stage]
names = ["deal_pipeline_stage", "deal_pipeline_stages"]
needs = ["id", "label", "probability"]
inside = { object = "pipeline", path = "stages" }
key = ["id"]
text.id = ["stage_id"]
text.label = []
number.probability = ["metadata.probability"]
flag.is_closed = ["metadata.isClosed"]
flag.closed_won = []

[objects.ticket]
names = ["ticket", "tickets", "all_tickets"]
needs = ["id", "subject", "stage", "createdate"]
key = ["id"]
recorded = ["createdate", "updated_at"]
prefixes = ["property_", "properties."]
text.id = ["Record ID", "Ticket ID", "hs_object_id"]
text.subject = ["Ticket name"]
text.content = ["Ticket description"]
text.stage = ["hs_pipeline_stage", "Ticket status"]
text.priority = ["hs_ticket_priority"]
text.category = ["hs_ticket_category"]
text.channel = ["source_type", "Source"]
text.company_id = ["Primary Associated Company ID", "Associated Company IDs (Primary)", "Associated Company IDs", "associations.companies.results[0].id"]
text.contact_id = ["Associated Contact IDs", "associations.contacts.results[0].id"]
time.createdate = ["Create Date", "createdAt", "created_at"]
time.closed_at = ["closed_date", "Close Date"]
time.first_reply_at = ["first_agent_reply_date", "First agent email response date"]
time.updated_at = ["hs_lastmodifieddate", "Last Modified Date", "updatedAt"]
flag.archived = []
json.history = ["propertiesWithHistory"]

[objects.ticket_history]
names = ["ticket_property_history", "tickets_property_history"]
needs = ["id", "name", "value", "changed_at"]
recorded = ["changed_at"]
text.id = ["ticket_id", "object_id"]
text.name = ["property_name"]
text.value = ["property_value"]
time.changed_at = ["timestamp_instant", "timestamp"]

[objects.ticket_company]
names = ["ticket_company", "ticket_companies"]
needs = ["ticket_id", "company_id"]
key = ["ticket_id", "company_id"]
text.ticket_id = []
text.company_id = []

[objects.ticket_contact]
names = ["ticket_contact", "ticket_contacts"]
needs = ["ticket_id", "contact_id"]
key = ["ticket_id", "contact_id"]
text.ticket_id = []
text.contact_id = []

[objects.ticket_pipeline]
names = ["ticket_pipeline", "ticket_pipelines"]
needs = ["id", "label"]
key = ["id"]
text.id = ["pipeline_id"]
text.label = []
json.stages = []

[objects.ticket_stage]
names = ["ticket_pipeline_stage", "ticket_pipeline_stages"]
needs = ["id", "label", "state"]
inside = { object = "ticket_pipeline", path = "stages" }
key = ["id"]
text.id = ["stage_id"]
text.label = []
text.state = ["ticket_state", "metadata.ticketState"]
flag.is_closed = ["metadata.isClosed"]

[objects.engagement]
names = ["engagement", "engagements"]
needs = ["id", "type"]
key = ["id"]
recorded = ["created_at", "updated_at"]
text.id = ["engagement.id"]
text.type = ["engagement.type"]
text.owner_id = ["engagement.ownerId", "ownerId"]
text.company_id = ["associations.companyIds[0]"]
text.contact_id = ["associations.contactIds[0]"]
text.title = ["metadata.title", "metadata.subject"]
text.body = ["metadata.body", "metadata.text"]
text.status = ["metadata.status"]
text.outcome = ["metadata.meetingOutcome"]
text.disposition = ["metadata.disposition"]
number.duration_ms = ["metadata.durationMilliseconds"]
time.created_at = ["engagement.createdAt", "createdAt"]
time.updated_at = ["engagement.lastUpdated", "lastUpdated", "last_updated"]
time.happened_at = ["engagement.timestamp", "timestamp"]
time.start_at = ["metadata.startTime"]
time.end_at = ["metadata.endTime"]
time.done_at = ["metadata.completionDate"]

[objects.engagement_company]
names = ["engagement_company", "engagement_companies"]
needs = ["engagement_id", "company_id"]
key = ["engagement_id", "company_id"]
text.engagement_id = []
text.company_id = []

[objects.engagement_contact]
names = ["engagement_contact", "engagement_contacts"]
needs = ["engagement_id", "contact_id"]
key = ["engagement_id", "contact_id"]
text.engagement_id = []
text.contact_id = []

[objects.engagement_deal]
names = ["engagement_deal", "engagement_deals"]
needs = ["engagement_id", "deal_id"]
key = ["engagement_id", "deal_id"]
text.engagement_id = []
text.deal_id = []

[objects.meeting]
names = ["engagement_meeting", "engagement_meetings", "engagements_meetings", "meeting", "meetings"]
needs = ["id", "start_at"]
key = ["id"]
recorded = ["created_at", "updated_at"]
prefixes = ["property_", "properties."]
text.id = ["engagement_id", "Record ID", "hs_object_id"]
text.title = ["hs_meeting_title", "Meeting name"]
text.body = ["hs_meeting_body", "Meeting description", "hs_body_preview"]
text.outcome = ["hs_meeting_outcome", "meeting_outcome", "Meeting outcome"]
text.type = ["hs_activity_type", "Call and meeting type"]
text.owner_id = ["hubspot_owner_id", "Activity assigned to"]
text.company_id = ["Associated Company IDs", "associations.companies.results[0].id"]
text.contact_id = ["Associated Contact IDs", "associations.contacts.results[0].id"]
flag.no_show = []
time.created_at = ["hs_createdate", "Create Date", "createdAt"]
time.updated_at = ["hs_lastmodifieddate", "Last Modified Date", "updatedAt"]
time.start_at = ["hs_meeting_start_time", "start_time", "Meeting start time", "hs_timestamp", "Activity date"]
time.end_at = ["hs_meeting_end_time", "end_time", "Meeting end time"]

[objects.call]
names = ["engagement_call", "engagement_calls", "engagements_calls", "call", "calls"]
needs = ["id", "happened_at"]
key = ["id"]
recorded = ["created_at", "updated_at"]
prefixes = ["property_", "properties."]
text.id = ["engagement_id", "Record ID", "hs_object_id"]
text.title = ["hs_call_title", "Call title"]
text.body = ["hs_call_body", "Call notes", "hs_body_preview"]
text.status = ["hs_call_status", "Call status"]
text.direction = ["hs_call_direction", "Call direction"]
text.disposition = ["hs_call_disposition", "Call outcome"]
text.owner_id = ["hubspot_owner_id", "Activity assigned to"]
text.company_id = ["Associated Company IDs", "associations.companies.results[0].id"]
text.contact_id = ["Associated Contact IDs", "associations.contacts.results[0].id"]
number.duration_ms = ["hs_call_duration", "Call duration"]
time.created_at = ["hs_createdate", "Create Date", "createdAt"]
time.updated_at = ["hs_lastmodifieddate", "Last Modified Date", "updatedAt"]
time.happened_at = ["hs_timestamp", "Activity date"]

[objects.email]
names = ["engagement_email", "engagement_emails", "engagements_emails", "emails"]
needs = ["id", "title", "happened_at"]
key = ["id"]
recorded = ["created_at", "updated_at"]
prefixes = ["property_", "properties."]
text.id = ["engagement_id", "Record ID", "hs_object_id"]
text.type = []
text.title = ["hs_email_subject", "Email subject"]
text.body = ["hs_email_text", "Email body", "hs_body_preview"]
text.direction = ["hs_email_direction", "Email direction"]
text.thread = ["hs_email_thread_id"]
text.owner_id = ["hubspot_owner_id", "Activity assigned to"]
text.company_id = ["Associated Company IDs", "associations.companies.results[0].id"]
text.contact_id = ["Associated Contact IDs", "associations.contacts.results[0].id"]
time.created_at = ["hs_createdate", "Create Date", "createdAt"]
time.updated_at = ["hs_lastmodifieddate", "Last Modified Date", "updatedAt"]
time.happened_at = ["hs_timestamp", "Activity date"]

[objects.note]
names = ["engagement_note", "engagement_notes", "engagements_notes", "note", "notes"]
needs = ["id", "body"]
key = ["id"]
recorded = ["created_at", "updated_at"]
prefixes = ["property_", "properties."]
text.id = ["engagement_id", "Record ID", "hs_object_id"]
text.body = ["hs_note_body", "Note body", "hs_body_preview"]
text.owner_id = ["hubspot_owner_id", "Activity assigned to"]
text.company_id = ["Associated Company IDs", "associations.companies.results[0].id"]
text.contact_id = ["Associated Contact IDs", "associations.contacts.results[0].id"]
time.created_at = ["hs_createdate", "Create Date", "createdAt"]
time.updated_at = ["hs_lastmodifieddate", "Last Modified Date", "updatedAt"]
time.happened_at = ["hs_timestamp", "Activity date"]

[objects.task]
names = ["engagement_task", "engagement_tasks", "engagements_tasks", "task", "tasks"]
needs = ["id", "task_type", "due_at"]
key = ["id"]
recorded = ["created_at", "updated_at"]
prefixes = ["property_", "properties."]
text.id = ["engagement_id", "Record ID", "hs_object_id"]
text.title = ["hs_task_subject", "Task Title"]
text.body = ["hs_task_body", "Task notes", "hs_body_preview"]
text.status = ["hs_task_status", "Task Status"]
text.task_type = ["hs_task_type", "Task Type"]
text.playbook = []
text.owner_id = ["hubspot_owner_id", "Assigned to"]
text.company_id = ["Associated Company IDs", "associations.companies.results[0].id"]
text.contact_id = ["Associated Contact IDs", "associations.contacts.results[0].id"]
time.created_at = ["hs_createdate", "Create Date", "createdAt"]
time.updated_at = ["hs_lastmodifieddate", "Last Modified Date", "updatedAt"]
time.due_at = ["hs_timestamp", "Due date"]
time.done_at = ["hs_task_completion_date", "Completed at"]

[objects.communication]
names = ["engagement_communication", "engagement_communications", "engagements_communications", "communications"]
needs = ["id", "happened_at"]
key = ["id"]
recorded = ["created_at", "updated_at"]
prefixes = ["property_", "properties."]
text.id = ["engagement_id", "Record ID", "hs_object_id"]
text.body = ["hs_communication_body", "hs_body_preview"]
text.channel = ["hs_communication_channel_type"]
text.owner_id = ["hubspot_owner_id"]
text.company_id = ["associations.companies.results[0].id"]
text.contact_id = ["associations.contacts.results[0].id"]
time.created_at = ["hs_createdate", "createdAt"]
time.updated_at = ["hs_lastmodifieddate", "updatedAt"]
time.happened_at = ["hs_timestamp"]
*/
-- table: accounts
WITH named AS (
  SELECT id, history, unnest(json_keys(TRY_CAST(history AS JSON))) AS name FROM company WHERE history LIKE '{%'
), item AS (
  SELECT id, lower(name) AS name, unnest(TRY_CAST(json_extract(TRY_CAST(history AS JSON), '$."' || name || '"') AS JSON[])) AS item FROM named
), change AS (
  SELECT id, lower(name) AS name, changed_at, value FROM company_history
  UNION ALL SELECT id, name, instant(item ->> '$.timestamp'), item ->> '$.value' FROM item
), stamp AS ( -- all that changed at one instant; '' where a property was cleared
  SELECT id, changed_at, 'history' AS basis,
    max(coalesce(value, '')) FILTER (name = 'name') AS name,
    max(coalesce(value, '')) FILTER (name IN ('segment', 'customer_segment', 'tier', 'customer_tier')) AS segment,
    max(coalesce(value, '')) FILTER (name = 'industry') AS industry,
    max(coalesce(value, '')) FILTER (name = 'country') AS country,
    max(coalesce(value, '')) FILTER (name = 'numberofemployees') AS employees,
    max(coalesce(value, '')) FILTER (name = 'hubspot_owner_id') AS owner_id,
    max(coalesce(value, '')) FILTER (name = 'hs_parent_company_id') AS parent_id,
    max(coalesce(value, '')) FILTER (name = 'lifecyclestage') AS lifecycle,
    max(coalesce(value, '')) FILTER (name = 'hs_currency_code') AS currency,
    NULL::BOOLEAN AS deleted
  FROM change WHERE changed_at IS NOT NULL AND id IS NOT NULL AND name IN ('name', 'segment', 'customer_segment', 'tier', 'customer_tier', 'industry',
    'country', 'numberofemployees', 'hubspot_owner_id', 'hs_parent_company_id', 'lifecyclestage', 'hs_currency_code')
  GROUP BY ALL
), loaded AS ( -- where no history tells better, an empty value means that it was cleared
  SELECT c.*, CASE WHEN s.id IS NULL THEN '' END AS cleared FROM company c LEFT JOIN (SELECT DISTINCT id FROM stamp) s ON s.id = c.id
), told AS (
  SELECT * FROM stamp
  UNION ALL
  SELECT id, _seen, _basis, coalesce(name, cleared), coalesce(segment, cleared), coalesce(industry, cleared), coalesce(country, cleared),
    coalesce(employees::VARCHAR, cleared), coalesce(owner_id, cleared), coalesce(parent_id, cleared), coalesce(lifecycle, cleared), coalesce(currency, cleared),
    _deleted OR coalesce(archived, false)
  FROM loaded WHERE _seen IS NOT NULL
  UNION ALL
  SELECT id, min(createdate), 'created', arg_max(name, coalesce(_seen, createdate)), NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM company WHERE createdate IS NOT NULL GROUP BY id
), merged AS (
  SELECT id, changed_at, CASE WHEN bool_or(basis = 'history') THEN 'history' WHEN bool_or(basis = 'snapshot') THEN 'snapshot' ELSE 'created' END AS basis,
    max(name) AS name, max(segment) AS segment, max(industry) AS industry, max(country) AS country, max(employees) AS employees, max(owner_id) AS owner_id,
    max(parent_id) AS parent_id, max(lifecycle) AS lifecycle, max(currency) AS currency, bool_or(deleted) AS deleted
  FROM told GROUP BY id, changed_at
), held AS (
  SELECT id, changed_at, basis,
    nullif(last_value(name IGNORE NULLS) OVER upto, '') AS name, nullif(last_value(segment IGNORE NULLS) OVER upto, '') AS segment,
    nullif(last_value(industry IGNORE NULLS) OVER upto, '') AS industry, nullif(last_value(country IGNORE NULLS) OVER upto, '') AS country,
    TRY_CAST(nullif(last_value(employees IGNORE NULLS) OVER upto, '') AS DOUBLE) AS employees,
    nullif(last_value(owner_id IGNORE NULLS) OVER upto, '') AS owner_id, nullif(last_value(parent_id IGNORE NULLS) OVER upto, '') AS parent_id,
    nullif(last_value(lifecycle IGNORE NULLS) OVER upto, '') AS lifecycle, nullif(last_value(currency IGNORE NULLS) OVER upto, '') AS currency,
    coalesce(last_value(deleted IGNORE NULLS) OVER upto, false) AS deleted
  FROM merged WINDOW upto AS (PARTITION BY id ORDER BY changed_at ROWS UNBOUNDED PRECEDING)
), version AS (
  SELECT * FROM held WINDOW own AS (PARTITION BY id ORDER BY changed_at)
  QUALIFY lag(id) OVER own IS NULL OR ROW(name, segment, industry, country, employees, owner_id, parent_id, lifecycle, currency, deleted)
    IS DISTINCT FROM lag(ROW(name, segment, industry, country, employees, owner_id, parent_id, lifecycle, currency, deleted)) OVER own
), agent AS (
  SELECT id, max(email) AS email FROM owner GROUP BY id
)
SELECT v.id || ':' || epoch_us(v.changed_at) AS source_id, v.id AS account_id, v.changed_at AS known_at, v.basis AS known_basis, v.changed_at AS valid_from,
  v.name, v.segment, v.industry, v.country, v.employees, coalesce(a.email, v.owner_id) AS owner, v.parent_id AS parent_account_id, v.lifecycle, v.currency, v.deleted
FROM version v LEFT JOIN agent a ON a.id = v.owner_id
-- table: people
WITH named AS (
  SELECT id, history, unnest(json_keys(TRY_CAST(history AS JSON))) AS name FROM contact WHERE history LIKE '{%'
), item AS (
  SELECT id, lower(name) AS name, unnest(TRY_CAST(json_extract(TRY_CAST(history AS JSON), '$."' || name || '"') AS JSON[])) AS item FROM named
), change AS (
  SELECT id, lower(name) AS name, changed_at, value FROM contact_history
  UNION ALL SELECT id, name, instant(item ->> '$.timestamp'), item ->> '$.value' FROM item
), stamp AS (
  SELECT id, changed_at, 'history' AS basis,
    max(coalesce(value, '')) FILTER (name = 'associatedcompanyid') AS company_id,
    max(coalesce(value, '')) FILTER (name = 'jobtitle') AS title,
    max(coalesce(upper(value), '')) FILTER (name = 'hs_buying_role') AS buying_role,
    max(coalesce(lower(value), '')) FILTER (name IN ('executive_sponsor', 'is_executive_sponsor', 'exec_sponsor')) AS exec_sponsor,
    max(coalesce(lower(value), '')) FILTER (name IN ('champion', 'is_champion')) AS champion,
    NULL::BOOLEAN AS deleted
  FROM change WHERE changed_at IS NOT NULL AND id IS NOT NULL AND name IN ('associatedcompanyid', 'jobtitle', 'hs_buying_role', 'executive_sponsor',
    'is_executive_sponsor', 'exec_sponsor', 'champion', 'is_champion')
  GROUP BY ALL
), belongs AS ( -- the primary company, where several are associated
  SELECT contact_id, arg_min(company_id, (coalesce(type_id, 0) <> 1, company_id)) AS company_id FROM contact_company GROUP BY contact_id
), loaded AS (
  SELECT c.* EXCLUDE (company_id), CASE WHEN s.id IS NULL THEN '' END AS cleared,
    coalesce(trim(split_part(c.company_id, ';', 1)), b.company_id, json_extract_string(TRY_CAST(c.companies AS JSON), '$[0]')) AS company_id
  FROM contact c LEFT JOIN (SELECT DISTINCT id FROM stamp) s ON s.id = c.id LEFT JOIN belongs b ON b.contact_id = c.id
), told AS (
  SELECT * FROM stamp
  UNION ALL
  SELECT id, _seen, _basis, company_id, coalesce(title, cleared), coalesce(upper(buying_role), cleared), coalesce(exec_sponsor::VARCHAR, cleared),
    coalesce(champion::VARCHAR, cleared), _deleted OR coalesce(archived, false)
  FROM loaded WHERE _seen IS NOT NULL
  UNION ALL
  SELECT l.id, min(l.createdate), 'created', coalesce(min(f.company_id), min(l.company_id)), NULL, NULL, NULL, NULL, NULL
  FROM loaded l LEFT JOIN (SELECT id, arg_min(nullif(company_id, ''), changed_at) AS company_id FROM stamp GROUP BY id) f ON f.id = l.id
  WHERE l.createdate IS NOT NULL GROUP BY l.id
), merged AS (
  SELECT id, changed_at, CASE WHEN bool_or(basis = 'history') THEN 'history' WHEN bool_or(basis = 'snapshot') THEN 'snapshot' ELSE 'created' END AS basis,
    max(company_id) AS company_id, max(title) AS title, max(buying_role) AS buying_role, max(exec_sponsor) AS exec_sponsor, max(champion) AS champion,
    bool_or(deleted) AS deleted
  FROM told GROUP BY id, changed_at
), held AS (
  SELECT id, changed_at, basis, nullif(last_value(company_id IGNORE NULLS) OVER upto, '') AS company_id,
    nullif(last_value(title IGNORE NULLS) OVER upto, '') AS title,
    CASE WHEN last_value(buying_role IGNORE NULLS) OVER upto LIKE '%EXECUTIVE%SPONSOR%' OR last_value(exec_sponsor IGNORE NULLS) OVER upto IN ('true', 'yes', '1') THEN 'exec_sponsor'
      WHEN last_value(buying_role IGNORE NULLS) OVER upto SIMILAR TO '.*(BUDGET.HOLDER|DECISION.MAKER).*' THEN 'economic_buyer'
      WHEN last_value(buying_role IGNORE NULLS) OVER upto LIKE '%CHAMPION%' OR last_value(champion IGNORE NULLS) OVER upto IN ('true', 'yes', '1') THEN 'champion' END AS role,
    coalesce(last_value(deleted IGNORE NULLS) OVER upto, false) AS deleted
  FROM merged WINDOW upto AS (PARTITION BY id ORDER BY changed_at ROWS UNBOUNDED PRECEDING)
), place AS ( -- each stay at a company, whatever the role, and beside it each span in a role there
  SELECT id, changed_at, basis, company_id, false AS special, 'contact' AS role, title, deleted FROM held
  UNION ALL SELECT id, changed_at, basis, company_id, true, role, NULL, deleted FROM held
), span AS (
  SELECT * FROM place WINDOW own AS (PARTITION BY id, special ORDER BY changed_at)
  QUALIFY lag(id) OVER own IS NULL OR ROW(company_id, role, title, deleted) IS DISTINCT FROM lag(ROW(company_id, role, title, deleted)) OVER own
), lasting AS (
  SELECT *, lead(changed_at) OVER (PARTITION BY id, special ORDER BY changed_at) AS until FROM span
)
SELECT s.id || ':' || s.role || ':' || epoch_us(s.changed_at) AS source_id, s.company_id AS account_id, s.id AS person_id, p.email AS _email, s.role,
  s.changed_at AS known_at, s.basis AS known_basis, s.changed_at AS valid_from, s.until AS valid_to, s.title, s.deleted
FROM lasting s LEFT JOIN (SELECT id, max(email) AS email FROM contact GROUP BY id) p ON p.id = s.id
WHERE s.role IS NOT NULL
-- table: deals
WITH named AS (
  SELECT id, history, unnest(json_keys(TRY_CAST(history AS JSON))) AS name FROM deal WHERE history LIKE '{%'
), item AS (
  SELECT id, lower(name) AS name, unnest(TRY_CAST(json_extract(TRY_CAST(history AS JSON), '$."' || name || '"') AS JSON[])) AS item FROM named
), change AS (
  SELECT id, lower(name) AS name, changed_at, value FROM deal_history
  UNION ALL SELECT id, name, instant(item ->> '$.timestamp'), item ->> '$.value' FROM item
  UNION ALL SELECT deal_id, 'dealstage', changed_at, value FROM deal_stage
), stamp AS (
  SELECT id, changed_at, 'history' AS basis,
    max(coalesce(value, '')) FILTER (name = 'dealstage') AS stage, max(coalesce(value, '')) FILTER (name = 'pipeline') AS pipeline,
    max(coalesce(value, '')) FILTER (name = 'dealtype') AS dealtype, max(coalesce(value, '')) FILTER (name = 'dealname') AS dealname,
    max(coalesce(value, '')) FILTER (name = 'amount') AS amount, max(coalesce(value, '')) FILTER (name = 'deal_currency_code') AS currency,
    max(coalesce(value, '')) FILTER (name = 'closedate') AS closedate, max(coalesce(value, '')) FILTER (name = 'hs_deal_stage_probability') AS probability,
    max(coalesce(lower(value), '')) FILTER (name = 'hs_is_closed') AS is_closed, max(coalesce(lower(value), '')) FILTER (name = 'hs_is_closed_won') AS is_won,
    max(coalesce(lower(value), '')) FILTER (name = 'budget_status') AS budget_status, max(coalesce(value, '')) FILTER (name = 'budget_amount') AS budget_amount,
    NULL::BOOLEAN AS deleted
  FROM change WHERE changed_at IS NOT NULL AND id IS NOT NULL AND name IN ('dealstage', 'pipeline', 'dealtype', 'dealname', 'amount', 'deal_currency_code', 'closedate',
    'hs_deal_stage_probability', 'hs_is_closed', 'hs_is_closed_won', 'budget_status', 'budget_amount')
  GROUP BY ALL
), loaded AS (
  SELECT d.*, CASE WHEN s.id IS NULL THEN '' END AS cleared FROM deal d LEFT JOIN (SELECT DISTINCT id FROM stamp) s ON s.id = d.id
), told AS (
  SELECT * FROM stamp
  UNION ALL
  SELECT id, _seen, _basis, coalesce(stage, cleared), coalesce(pipeline, cleared), coalesce(dealtype, cleared), coalesce(dealname, cleared),
    coalesce(amount::VARCHAR, cleared), coalesce(currency, cleared), coalesce(closedate::VARCHAR, cleared), coalesce(probability::VARCHAR, cleared),
    coalesce(is_closed::VARCHAR, cleared), coalesce(is_won::VARCHAR, cleared), coalesce(lower(budget_status), cleared), coalesce(budget_amount::VARCHAR, cleared),
    _deleted OR coalesce(archived, false)
  FROM loaded WHERE _seen IS NOT NULL
  UNION ALL -- what kind of deal it is, is settled when it is opened
  SELECT l.id, min(l.createdate), 'created', NULL, coalesce(min(f.pipeline), min(l.pipeline)), coalesce(min(f.dealtype), min(l.dealtype)), coalesce(min(f.dealname), min(l.dealname)),
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM loaded l LEFT JOIN (
    SELECT id, arg_min(nullif(pipeline, ''), changed_at) AS pipeline, arg_min(nullif(dealtype, ''), changed_at) AS dealtype, arg_min(nullif(dealname, ''), changed_at) AS dealname
    FROM stamp GROUP BY id
  ) f ON f.id = l.id WHERE l.createdate IS NOT NULL GROUP BY l.id
), merged AS (
  SELECT id, changed_at, CASE WHEN bool_or(basis = 'history') THEN 'history' WHEN bool_or(basis = 'snapshot') THEN 'snapshot' ELSE 'created' END AS basis,
    max(stage) AS stage, max(pipeline) AS pipeline, max(dealtype) AS dealtype, max(dealname) AS dealname, max(amount) AS amount, max(currency) AS currency,
    max(closedate) AS closedate, max(probability) AS probability, max(is_closed) AS is_closed, max(is_won) AS is_won, max(budget_status) AS budget_status,
    max(budget_amount) AS budget_amount, bool_or(deleted) AS deleted
  FROM told GROUP BY id, changed_at
), held AS (
  SELECT id, changed_at, basis,
    nullif(last_value(stage IGNORE NULLS) OVER upto, '') AS stage, nullif(last_value(pipeline IGNORE NULLS) OVER upto, '') AS pipeline,
    nullif(last_value(dealtype IGNORE NULLS) OVER upto, '') AS dealtype, nullif(last_value(dealname IGNORE NULLS) OVER upto, '') AS dealname,
    TRY_CAST(nullif(last_value(amount IGNORE NULLS) OVER upto, '') AS DOUBLE) AS amount, nullif(last_value(currency IGNORE NULLS) OVER upto, '') AS currency,
    instant(nullif(last_value(closedate IGNORE NULLS) OVER upto, '')) AS closedate,
    TRY_CAST(nullif(last_value(probability IGNORE NULLS) OVER upto, '') AS DOUBLE) AS probability,
    TRY_CAST(nullif(last_value(is_closed IGNORE NULLS) OVER upto, '') AS BOOLEAN) AS is_closed,
    TRY_CAST(nullif(last_value(is_won IGNORE NULLS) OVER upto, '') AS BOOLEAN) AS is_won,
    nullif(last_value(budget_status IGNORE NULLS) OVER upto, '') AS budget_status,
    TRY_CAST(nullif(last_value(budget_amount IGNORE NULLS) OVER upto, '') AS DOUBLE) AS budget_amount,
    coalesce(last_value(deleted IGNORE NULLS) OVER upto, false) AS deleted
  FROM merged WINDOW upto AS (PARTITION BY id ORDER BY changed_at ROWS UNBOUNDED PRECEDING)
), step AS (
  SELECT id, max(label) AS label, max(probability) AS probability, bool_or(is_closed) AS is_closed, bool_or(closed_won) AS is_won FROM stage GROUP BY id
), line AS (
  SELECT id, max(label) AS label FROM pipeline GROUP BY id
), read AS (
  SELECT h.id, h.changed_at, h.basis, h.amount, h.currency, h.closedate, h.budget_status, h.budget_amount, h.deleted, coalesce(s.label, h.stage) AS stage,
    coalesce(s.is_closed, h.is_closed, CASE WHEN h.stage IS NOT NULL THEN regexp_matches(lower(h.stage), '^closed') END) AS is_closed,
    coalesce(s.is_won OR (s.is_closed AND s.probability = 1), h.is_won, CASE WHEN h.stage IS NOT NULL THEN regexp_matches(lower(h.stage), '^closed ?won') END) AS is_won,
    CASE WHEN coalesce(s.probability, h.probability) > 1 THEN coalesce(s.probability, h.probability) / 100 ELSE coalesce(s.probability, h.probability) END AS probability,
    CASE WHEN regexp_matches(lower(concat_ws(' ', l.label, h.pipeline, h.dealtype, h.dealname)), 'renew|verlängerung') THEN 'renewal'
      WHEN regexp_matches(lower(h.dealtype), 'contraction|downgrade|downsell') THEN 'contraction'
      WHEN regexp_matches(lower(h.dealtype), 'existing ?business|expansion|upsell|upgrade|cross') THEN 'expansion'
      WHEN regexp_matches(lower(h.dealtype), 'new') THEN 'new' ELSE 'other' END AS kind
  FROM held h LEFT JOIN step s ON s.id = h.stage LEFT JOIN line l ON l.id = h.pipeline
), version AS (
  SELECT * FROM read WINDOW own AS (PARTITION BY id ORDER BY changed_at)
  QUALIFY lag(id) OVER own IS NULL OR ROW(amount, currency, closedate, budget_status, budget_amount, deleted, stage, is_closed, is_won, probability, kind)
    IS DISTINCT FROM lag(ROW(amount, currency, closedate, budget_status, budget_amount, deleted, stage, is_closed, is_won, probability, kind)) OVER own
), belongs AS ( -- the primary company, where several are associated
  SELECT deal_id, arg_min(company_id, (coalesce(type_id, 0) <> 5, company_id)) AS company_id FROM deal_company GROUP BY deal_id
), inline AS (
  SELECT id, max(coalesce(trim(split_part(company_id, ';', 1)), json_extract_string(TRY_CAST(companies AS JSON), '$[0]'))) AS company_id FROM deal GROUP BY id
)
SELECT v.id || ':' || epoch_us(v.changed_at) AS source_id, v.id AS deal_id, coalesce(b.company_id, i.company_id) AS account_id, v.changed_at AS known_at,
  v.basis AS known_basis, v.changed_at AS valid_from, v.kind, v.stage, v.is_closed, v.is_won, v.amount, v.currency, v.closedate AS close_date, v.probability,
  v.budget_status, v.budget_amount, v.deleted
FROM version v LEFT JOIN belongs b ON b.deal_id = v.id LEFT JOIN inline i ON i.id = v.id
-- table: tickets
WITH named AS (
  SELECT id, history, unnest(json_keys(TRY_CAST(history AS JSON))) AS name FROM ticket WHERE history LIKE '{%'
), item AS (
  SELECT id, lower(name) AS name, unnest(TRY_CAST(json_extract(TRY_CAST(history AS JSON), '$."' || name || '"') AS JSON[])) AS item FROM named
), change AS (
  SELECT id, lower(name) AS name, changed_at, value FROM ticket_history
  UNION ALL SELECT id, name, instant(item ->> '$.timestamp'), item ->> '$.value' FROM item
), stamp AS (
  SELECT id, changed_at, 'history' AS basis,
    max(coalesce(value, '')) FILTER (name = 'hs_pipeline_stage') AS stage,
    max(coalesce(value, '')) FILTER (name = 'hs_ticket_priority') AS priority,
    max(coalesce(value, '')) FILTER (name = 'hs_ticket_category') AS category,
    NULL::BOOLEAN AS deleted
  FROM change WHERE changed_at IS NOT NULL AND id IS NOT NULL AND name IN ('hs_pipeline_stage', 'hs_ticket_priority', 'hs_ticket_category')
  GROUP BY ALL
), loaded AS (
  SELECT t.*, CASE WHEN s.id IS NULL THEN '' END AS cleared FROM ticket t LEFT JOIN (SELECT DISTINCT id FROM stamp) s ON s.id = t.id
), told AS (
  SELECT * FROM stamp
  UNION ALL
  SELECT id, _seen, _basis, NULL, coalesce(priority, cleared), coalesce(category, cleared), _deleted OR coalesce(archived, false) FROM loaded WHERE _seen IS NOT NULL
  UNION ALL
  SELECT id, min(createdate), 'created', NULL, NULL, NULL, NULL FROM ticket WHERE createdate IS NOT NULL GROUP BY id
), merged AS (
  SELECT id, changed_at, CASE WHEN bool_or(basis = 'history') THEN 'history' WHEN bool_or(basis = 'snapshot') THEN 'snapshot' ELSE 'created' END AS basis,
    max(stage) AS stage, max(priority) AS priority, max(category) AS category, bool_or(deleted) AS deleted
  FROM told GROUP BY id, changed_at
), step AS (
  SELECT id, bool_or(coalesce(is_closed, upper(state) = 'CLOSED')) AS is_closed FROM ticket_stage GROUP BY id
), held AS (
  SELECT m.id, m.changed_at, m.basis, nullif(last_value(m.priority IGNORE NULLS) OVER upto, '') AS priority, nullif(last_value(m.category IGNORE NULLS) OVER upto, '') AS category,
    coalesce(last_value(coalesce(s.is_closed, CASE WHEN m.stage IS NOT NULL THEN regexp_matches(lower(m.stage), '^(4|closed|resolved|solved)$') END) IGNORE NULLS) OVER upto, false) AS done,
    coalesce(last_value(m.deleted IGNORE NULLS) OVER upto, false) AS deleted
  FROM merged m LEFT JOIN step s ON s.id = m.stage WINDOW upto AS (PARTITION BY m.id ORDER BY m.changed_at ROWS UNBOUNDED PRECEDING)
), turn AS (
  SELECT *, coalesce(lag(done) OVER (PARTITION BY id ORDER BY changed_at), false) AS was_done, bool_or(done) OVER (PARTITION BY id) AS followed FROM held
), latest AS (
  SELECT * FROM ticket QUALIFY row_number() OVER (PARTITION BY id ORDER BY _seen DESC NULLS LAST, updated_at DESC NULLS LAST, subject) = 1
), read AS (
  SELECT t.id, t.changed_at, t.basis, t.priority, t.category, t.deleted, min(t.changed_at) OVER upto AS began_at,
    CASE WHEN NOT t.followed THEN greatest(l.closed_at, l.createdate)
      WHEN t.done THEN last_value(CASE WHEN t.done AND NOT t.was_done THEN t.changed_at END IGNORE NULLS) OVER upto END AS solved_at,
    CASE WHEN t.followed THEN count(*) FILTER (t.was_done AND NOT t.done) OVER upto END AS reopens
  FROM turn t LEFT JOIN latest l ON l.id = t.id WINDOW upto AS (PARTITION BY t.id ORDER BY t.changed_at ROWS UNBOUNDED PRECEDING)
), version AS (
  SELECT * FROM read WINDOW own AS (PARTITION BY id ORDER BY changed_at)
  QUALIFY lag(id) OVER own IS NULL OR ROW(priority, category, deleted, solved_at, reopens) IS DISTINCT FROM lag(ROW(priority, category, deleted, solved_at, reopens)) OVER own
), firm AS (
  SELECT ticket_id, min(company_id) AS company_id FROM ticket_company GROUP BY ticket_id
), person AS (
  SELECT ticket_id, min(contact_id) AS contact_id FROM ticket_contact GROUP BY ticket_id
)
SELECT v.id || ':' || epoch_us(v.changed_at) AS source_id, v.id AS ticket_id, coalesce(f.company_id, trim(split_part(l.company_id, ';', 1))) AS account_id,
  coalesce(p.contact_id, trim(split_part(l.contact_id, ';', 1))) AS person_id, v.changed_at AS known_at, v.basis AS known_basis,
  coalesce(least(l.createdate, v.began_at), v.changed_at) AS opened_at, l.first_reply_at, v.solved_at, v.reopens, lower(v.priority) AS priority, v.category, lower(l.channel) AS channel,
  l.subject, without_html(l.content) AS body, v.deleted
FROM version v LEFT JOIN latest l ON l.id = v.id LEFT JOIN firm f ON f.ticket_id = v.id LEFT JOIN person p ON p.ticket_id = v.id
-- table: touchpoints
WITH special AS (
  SELECT id, 'MEETING' AS type, title, body, outcome AS status, CASE WHEN no_show THEN 'NO_SHOW' END AS overruled, type AS subtype, NULL AS direction, NULL AS disposition, NULL AS thread,
    NULL AS playbook, owner_id, company_id, contact_id, NULL::DOUBLE AS duration_ms, created_at, updated_at, start_at AS happened_at, end_at, NULL::TIMESTAMPTZ AS done_at, _seen, _deleted FROM meeting
  UNION ALL SELECT id, 'CALL', title, body, status, NULL, NULL, direction, disposition, NULL, NULL, owner_id, company_id, contact_id, duration_ms, created_at, updated_at, happened_at, NULL, NULL, _seen, _deleted FROM call
  UNION ALL SELECT id, 'EMAIL', title, body, NULL, NULL, NULL, coalesce(direction, type), NULL, thread, NULL, owner_id, company_id, contact_id, NULL, created_at, updated_at, happened_at, NULL, NULL, _seen, _deleted FROM email
  UNION ALL SELECT id, 'NOTE', NULL, body, NULL, NULL, NULL, NULL, NULL, NULL, NULL, owner_id, company_id, contact_id, NULL, created_at, updated_at, happened_at, NULL, NULL, _seen, _deleted FROM note
  UNION ALL SELECT id, 'TASK', title, body, status, NULL, task_type, NULL, NULL, NULL, playbook, owner_id, company_id, contact_id, NULL, created_at, updated_at, due_at, NULL, done_at, _seen, _deleted FROM task
  UNION ALL SELECT id, 'COMMUNICATION', NULL, body, NULL, NULL, channel, NULL, NULL, NULL, NULL, owner_id, company_id, contact_id, NULL, created_at, updated_at, happened_at, NULL, NULL, _seen, _deleted FROM communication
), activity AS (
  SELECT * FROM special
  UNION ALL BY NAME
  SELECT e.id, replace(replace(upper(e.type), 'INCOMING_', ''), 'FORWARDED_', '') AS type, e.title, e.body, coalesce(e.outcome, e.status) AS status, upper(e.type) AS direction, e.disposition,
    e.owner_id, e.company_id, e.contact_id, e.duration_ms, e.created_at, e.updated_at, coalesce(e.start_at, e.happened_at) AS happened_at, e.end_at, e.done_at, e._seen, e._deleted
  FROM engagement e ANTI JOIN special s ON s.id = e.id
), firm AS ( -- the company, else that of the deal
  SELECT engagement_id, coalesce(min(company_id) FILTER (NOT by_deal), min(company_id)) AS company_id FROM (
    SELECT engagement_id, company_id, false AS by_deal FROM engagement_company
    UNION ALL SELECT e.engagement_id, d.company_id, true FROM engagement_deal e JOIN deal_company d USING (deal_id)
  ) GROUP BY engagement_id
), person AS (
  SELECT engagement_id, min(contact_id) AS contact_id FROM engagement_contact GROUP BY engagement_id
), agent AS (
  SELECT id, max(email) AS email FROM owner GROUP BY id
), known AS (
  SELECT a.* EXCLUDE (company_id, contact_id, owner_id, created_at, happened_at, status),
    coalesce(f.company_id, trim(split_part(a.company_id, ';', 1))) AS account_id, coalesce(p.contact_id, trim(split_part(a.contact_id, ';', 1))) AS person_id,
    coalesce(g.email, a.owner_id) AS owner, coalesce(a.created_at, e.created_at) AS created_at, coalesce(a.happened_at, e.happened_at, a.created_at, e.created_at) AS happened_at,
    upper(replace(coalesce(a.overruled, a.status), ' ', '_')) AS word
  FROM activity a LEFT JOIN firm f ON f.engagement_id = a.id LEFT JOIN person p ON p.engagement_id = a.id LEFT JOIN agent g ON g.id = a.owner_id
  LEFT JOIN (SELECT id, min(created_at) AS created_at, min(happened_at) AS happened_at FROM engagement GROUP BY id) e ON e.id = a.id
  QUALIFY row_number() OVER (PARTITION BY a.id ORDER BY a._seen DESC NULLS LAST, a.updated_at DESC NULLS LAST, a.type, a.title) = 1
), read AS (
  SELECT *, coalesce(created_at, happened_at) AS first_known, CASE WHEN created_at IS NULL THEN 'assumed' ELSE 'created' END AS first_basis,
    greatest(coalesce(created_at, happened_at), happened_at) AS settled_at,
    CASE WHEN updated_at IS NULL THEN _seen ELSE updated_at END AS outcome_known, CASE WHEN updated_at IS NULL THEN 'snapshot' ELSE 'history' END AS outcome_basis,
    CASE WHEN type = 'MEETING' AND regexp_matches(lower(concat_ws(' ', title, subtype)), '(^|[^a-z])(qbr|ebr)([^a-z]|$)|business review|quarterly review|executive review|quartalsgespräch') THEN 'review'
      WHEN type = 'MEETING' THEN 'meeting' WHEN type = 'CALL' THEN 'call' WHEN type = 'NOTE' THEN 'note' WHEN type = 'TASK' THEN 'action'
      WHEN type = 'EMAIL' AND NOT coalesce(direction LIKE 'INCOMING%', false) THEN 'outreach' ELSE 'message' END AS kind,
    CASE WHEN direction LIKE 'IN%' THEN 'in' WHEN direction IS NOT NULL OR type = 'EMAIL' THEN 'out' END AS way,
    CASE WHEN word IN ('COMPLETED', 'HELD', 'CONNECTED') THEN CASE WHEN type = 'TASK' THEN 'done' ELSE 'held' END
      WHEN word IN ('NO_SHOW', 'NOSHOW', 'NO_ANSWER', 'BUSY', 'FAILED', 'MISSED') THEN 'no_show'
      WHEN word IN ('CANCELED', 'CANCELLED') THEN 'cancelled' WHEN word IN ('SCHEDULED', 'RESCHEDULED', 'NOT_STARTED', 'IN_PROGRESS', 'WAITING', 'DEFERRED', 'QUEUED') THEN 'scheduled' END AS word_read
  FROM known WHERE NOT _deleted
), version AS (
  -- agreed before it takes place
  SELECT *, first_known AS known_at, first_basis AS known_basis, first_known AS occurred_at, 'scheduled' AS status, happened_at AS scheduled_at
  FROM read WHERE type IN ('MEETING', 'TASK') AND created_at < happened_at
  UNION ALL -- its time has come
  SELECT *, settled_at, first_basis, happened_at, NULL, CASE WHEN created_at < happened_at THEN happened_at END
  FROM read WHERE type = 'MEETING' AND (_seen IS NULL OR happened_at <= _seen)
    AND NOT coalesce(word_read <> 'scheduled' AND outcome_known IS NOT NULL AND greatest(outcome_known, settled_at) = settled_at, false)
  UNION ALL -- its outcome was noted
  SELECT *, greatest(outcome_known, settled_at), outcome_basis, happened_at, word_read, CASE WHEN created_at < happened_at THEN happened_at END
  FROM read WHERE type = 'MEETING' AND word_read <> 'scheduled' AND outcome_known IS NOT NULL AND (_seen IS NULL OR happened_at <= _seen OR word_read = 'cancelled')
  UNION ALL -- a task was done
  SELECT *, greatest(coalesce(done_at, outcome_known), first_known), CASE WHEN done_at IS NULL THEN outcome_basis ELSE 'event' END, greatest(coalesce(done_at, outcome_known), first_known), 'done', happened_at
  FROM read WHERE type = 'TASK' AND word_read = 'done' AND coalesce(done_at, outcome_known) > first_known
  UNION ALL
  SELECT *, first_known, first_basis, first_known, CASE WHEN word_read = 'done' AND NOT coalesce(coalesce(done_at, outcome_known) > first_known, false) THEN 'done' ELSE 'scheduled' END, happened_at
  FROM read WHERE type = 'TASK' AND NOT coalesce(created_at < happened_at, false)
  UNION ALL
  SELECT *, first_known, first_basis, least(happened_at, first_known), CASE WHEN type = 'CALL' THEN word_read END, NULL FROM read WHERE type NOT IN ('MEETING', 'TASK')
), answered AS ( -- the first mail that comes in on the same thread
  SELECT o.id, min(i.happened_at) AS replied_at FROM read o JOIN read i ON i.thread = o.thread AND i.way = 'in' AND i.happened_at > o.happened_at
  WHERE o.type = 'EMAIL' AND i.type = 'EMAIL' AND o.way = 'out' GROUP BY o.id
)
SELECT 'engagement:' || v.id AS source_id, v.account_id, v.person_id, v.known_at, v.known_basis, v.occurred_at, v.kind, coalesce(lower(v.subtype), lower(v.type)) AS subtype,
  v.way AS direction, v.status, v.scheduled_at, r.replied_at, coalesce(v.duration_ms / 60000, date_diff('second', v.happened_at, v.end_at) / 60.0) AS duration_min,
  v.owner, v.playbook, v.disposition AS outcome, nullif(concat_ws(': ', v.title, without_html(v.body)), '') AS text
FROM version v LEFT JOIN answered r ON r.id = v.id WHERE v.known_at IS NOT NULL
-- table: identities
WITH belongs AS (
  SELECT contact_id, arg_min(company_id, (coalesce(type_id, 0) <> 1, company_id)) AS company_id FROM contact_company GROUP BY contact_id
)
SELECT 'account' AS kind, id AS source_key, NULL AS account_key, external_id, crm_id, NULL AS email, coalesce(site_domain(domain), site_domain(website)) AS domain, name FROM company
UNION ALL
SELECT 'person', c.id, coalesce(trim(split_part(c.company_id, ';', 1)), b.company_id, json_extract_string(TRY_CAST(c.companies AS JSON), '$[0]')), c.external_id, NULL, c.email, NULL,
  nullif(concat_ws(' ', c.firstname, c.lastname), '')
FROM contact c LEFT JOIN belongs b ON b.contact_id = c.id
