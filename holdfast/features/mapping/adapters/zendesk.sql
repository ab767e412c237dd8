/*
title = "Zendesk"
keeps = "every change of a ticket's fields (ticket_field_history or audits), public comments, dated ratings"
loses = "fields of tickets without that history, organizations and users: only their present state is known"
aside = ["brand", "group", "schedule", "sla_policy", "ticket_form"]

[objects.ticket]
names = ["ticket", "tickets", "ticket_export", "tickets_export", "incremental_tickets"]
needs = ["id", "status", "created_at"]
key = ["id"]
recorded = ["created_at", "updated_at", "generated_timestamp"]
text.id = ["Ticket ID"]
text.organization_id = ["organization.id"]
text.organization_name = ["organization.name"]
text.organization = []
text.requester_id = ["requester.id"]
text.requester_email = ["requester.email", "via.source.from.address", "via_source_from_address"]
text.requester_domain = []
text.subject = ["raw_subject"]
text.description = []
text.status = ["Ticket status"]
text.priority = []
text.category = ["Ticket category"]
text.type = ["Ticket type"]
text.channel = ["via.channel"]
text.via = []
text.satisfaction = ["satisfaction_score", "satisfaction_rating.score"]
number.reopens = ["metric_set.reopens"]
number.reply_minutes = ["First reply time in minutes", "metric_set.reply_time_in_minutes.calendar"]
time.created_at = ["Created", "Requested"]
time.updated_at = ["Updated"]
time.solved_at = ["Solved", "metric_set.solved_at"]
time.satisfaction_at = ["satisfaction_rating.created_at"]
time.generated_timestamp = []

[objects.field_history]
names = ["ticket_field_history"]
needs = ["ticket_id", "field_name", "changed_at"]
recorded = ["changed_at"]
text.ticket_id = []
text.field_name = []
text.value = []
time.changed_at = ["updated", "updated_at", "created_at"]

[objects.audit]
names = ["ticket_audit", "ticket_audits", "audits"]
needs = ["ticket_id", "events"]
key = ["id", "ticket_id", "created_at", "author_id"]
recorded = ["created_at"]
text.id = []
text.ticket_id = []
text.author_id = []
time.created_at = []
json.events = []

[objects.audit_event]
names = ["ticket_audit_event", "ticket_audit_events"]
needs = ["audit_ticket_id", "type"]
inside = { object = "audit", path = "events" }
text.audit_ticket_id = []
text.audit_author_id = []
time.audit_created_at = []
text.id = []
text.type = []
text.field_name = []
text.value = []
text.author_id = []
text.body = ["plain_body"]
flag.public = []

[objects.comment]
names = ["ticket_comment", "ticket_comments", "comments"]
needs = ["id", "ticket_id", "body"]
inside = { object = "ticket", path = "comments" }
key = ["id"]
recorded = ["created_at"]
text.id = []
text.ticket_id = []
text.author_id = ["user_id", "author.id"]
text.body = ["plain_body", "html_body"]
flag.public = []
time.created_at = ["created"]

[objects.metric]
names = ["ticket_metric", "ticket_metrics", "metric_sets"]
needs = ["ticket_id", "reopens"]
key = ["ticket_id"]
recorded = ["updated_at"]
text.ticket_id = []
number.reopens = []
number.reply_minutes = ["reply_time_in_minutes.calendar"]
time.solved_at = []
time.updated_at = []

[objects.rating]
names = ["satisfaction_rating", "satisfaction_ratings"]
needs = ["ticket_id", "score", "created_at"]
key = ["id"]
recorded = ["created_at", "updated_at"]
text.id = []
text.ticket_id = []
text.score = []
time.created_at = []
time.updated_at = []

[objects.user]
names = ["user", "users"]
needs = ["id", "email", "role"]
key = ["id"]
recorded = ["created_at", "updated_at"]
text.id = ["User ID"]
text.name = []
text.email = []
text.role = []
text.external_id = []
text.organization_id = ["organization.id"]
time.created_at = []
time.updated_at = []
flag.active = []

[objects.organization]
names = ["organization", "organizations"]
needs = ["id", "name", "shared_tickets"]
key = ["id"]
recorded = ["created_at", "updated_at"]
text.id = ["Organization ID"]
text.name = []
text.external_id = []
text.crm_id = ["salesforce_id", "hubspot_id", "organization_fields.salesforce_id", "organization_fields.crm_id", "organization_fields.hubspot_id"]
text.segment = ["organization_fields.segment", "custom_segment"]
text.industry = ["organization_fields.industry", "custom_industry"]
text.country = ["organization_fields.country", "custom_country"]
json.domain_names = ["domains", "domain_name"]
flag.shared_tickets = ["shared"]
time.created_at = []
time.updated_at = []

[objects.domain_name]
names = ["domain_name", "domain_names", "organization_domain_name"]
needs = ["organization_id", "domain_name"]
key = ["organization_id", "domain_name"]
text.organization_id = []
text.domain_name = ["value"]
*/
-- table: accounts
WITH told AS (
  SELECT id, created_at, name, segment, industry, country, _seen, _basis, _deleted FROM organization
  QUALIFY row_number() OVER (PARTITION BY id, _seen ORDER BY updated_at DESC NULLS LAST, name) = 1
), version AS (
  SELECT id, min(created_at) AS known_at, 'created' AS known_basis, arg_max(name, coalesce(_seen, created_at)) AS name,
    NULL AS segment, NULL AS industry, NULL AS country, false AS deleted
  FROM told WHERE created_at IS NOT NULL GROUP BY id
  UNION ALL
  SELECT id, _seen, _basis, name, segment, industry, country, _deleted FROM told WHERE _seen > created_at OR created_at IS NULL
)
SELECT id || ':' || epoch_us(known_at) AS source_id, id AS account_id, known_at, known_basis, known_at AS valid_from, name, segment, industry, country, deleted
FROM version WHERE known_at IS NOT NULL
QUALIFY known_basis = 'created' OR ROW(name, segment, industry, country, deleted)
  IS DISTINCT FROM lag(ROW(name, segment, industry, country, deleted)) OVER (PARTITION BY id ORDER BY known_at)
-- table: people
WITH person AS (
  SELECT id, arg_max(organization_id, coalesce(_seen, updated_at, created_at, TIMESTAMPTZ 'epoch')) AS organization_id, arg_max(email, coalesce(_seen, updated_at, created_at, TIMESTAMPTZ 'epoch')) AS email,
    coalesce(min(created_at), min(_seen)) AS known_at, min(created_at) IS NULL AS undated, min(_seen) FILTER (_deleted OR NOT active) AS gone_at
  FROM "user" WHERE coalesce(role, 'end-user') = 'end-user' GROUP BY id
)
SELECT id AS source_id, organization_id AS account_id, id AS person_id, email AS _email, 'contact' AS role, known_at,
  CASE WHEN undated THEN 'snapshot' ELSE 'created' END AS known_basis, known_at AS valid_from, false AS deleted
FROM person WHERE known_at IS NOT NULL
UNION ALL
SELECT id || ':gone', organization_id, id, email, 'contact', gone_at, 'snapshot', known_at, true FROM person WHERE gone_at > known_at
-- table: tickets
WITH change AS (
  SELECT ticket_id, lower(field_name) AS field, changed_at, value FROM field_history
  UNION ALL
  SELECT audit_ticket_id, lower(field_name), audit_created_at, value FROM audit_event WHERE type IN ('Create', 'Change')
), stamp AS ( -- all that changed at one instant; '' where a field was cleared
  SELECT ticket_id, changed_at,
    max(lower(value)) FILTER (field = 'status') AS status,
    max(coalesce(lower(value), '')) FILTER (field = 'priority') AS priority,
    max(coalesce(value, '')) FILTER (field IN ('category', 'type')) AS category,
    max(value) FILTER (field = 'organization_id') AS organization_id,
    max(coalesce(CASE WHEN lower(value) LIKE 'good%' THEN '1' WHEN lower(value) LIKE 'bad%' THEN '0' END, '')) FILTER (field = 'satisfaction_score') AS satisfaction
  FROM change WHERE changed_at IS NOT NULL AND ticket_id IS NOT NULL AND field IN ('status', 'priority', 'category', 'type', 'organization_id', 'satisfaction_score')
  GROUP BY ALL
), held AS (
  SELECT ticket_id, changed_at,
    last_value(status IGNORE NULLS) OVER upto AS status,
    nullif(last_value(priority IGNORE NULLS) OVER upto, '') AS priority,
    nullif(last_value(category IGNORE NULLS) OVER upto, '') AS category,
    last_value(organization_id IGNORE NULLS) OVER upto AS organization_id,
    TRY_CAST(nullif(last_value(satisfaction IGNORE NULLS) OVER upto, '') AS DOUBLE) AS satisfaction,
    last_value(CASE WHEN satisfaction <> '' THEN changed_at END IGNORE NULLS) OVER upto AS rated_at
  FROM stamp WINDOW upto AS (PARTITION BY ticket_id ORDER BY changed_at ROWS UNBOUNDED PRECEDING)
), turn AS (
  SELECT *, coalesce(status IN ('solved', 'closed'), false) AS done,
    coalesce(lag(status) OVER (PARTITION BY ticket_id ORDER BY changed_at) IN ('solved', 'closed'), false) AS was_done
  FROM held
), history AS (
  SELECT ticket_id, changed_at, status, priority, category, organization_id, satisfaction, CASE WHEN satisfaction IS NOT NULL THEN rated_at END AS satisfaction_at,
    CASE WHEN done THEN last_value(CASE WHEN done AND NOT was_done THEN changed_at END IGNORE NULLS) OVER upto END AS solved_at,
    count(*) FILTER (was_done AND NOT done AND status <> 'deleted') OVER upto AS reopens
  FROM turn WINDOW upto AS (PARTITION BY ticket_id ORDER BY changed_at ROWS UNBOUNDED PRECEDING)
), followed AS (
  SELECT ticket_id, arg_min(organization_id, changed_at) FILTER (organization_id IS NOT NULL) AS organization_id, min(changed_at) AS first_at,
    bool_or(status IS NOT NULL) AS status_told
  FROM history GROUP BY ticket_id
), measured AS (
  SELECT ticket_id, arg_max(solved_at, loaded) AS solved_at, arg_max(reply_minutes, loaded) AS reply_minutes, arg_max(reopens, loaded) AS reopens
  FROM (SELECT *, coalesce(_seen, updated_at, TIMESTAMPTZ 'epoch') AS loaded FROM metric) GROUP BY ticket_id
), rated AS (
  SELECT ticket_id, arg_max(CASE WHEN lower(score) LIKE 'good%' THEN 1.0 ELSE 0.0 END, created_at) AS satisfaction, max(created_at) AS satisfaction_at
  FROM rating WHERE (lower(score) LIKE 'good%' OR lower(score) LIKE 'bad%') AND created_at IS NOT NULL GROUP BY ticket_id
), seen AS ( -- one row per ticket and load
  SELECT t.*, coalesce(t.solved_at, m.solved_at) AS done_at, coalesce(t.reopens, m.reopens) AS reopened,
    coalesce(t.organization_id, t.organization_name, CASE WHEN t.organization NOT LIKE '{%' THEN t.organization END) AS organization_key,
    coalesce(t.channel, CASE WHEN t.via NOT LIKE '{%' THEN lower(t.via) END) AS came_by,
    coalesce(t.reply_minutes, m.reply_minutes) AS minutes, lower(t.status) AS now,
    coalesce(CASE WHEN lower(t.satisfaction) LIKE 'good%' THEN 1.0 WHEN lower(t.satisfaction) LIKE 'bad%' THEN 0.0 END, r.satisfaction) AS score,
    CASE WHEN lower(t.satisfaction) SIMILAR TO '(good|bad).*' THEN coalesce(t.satisfaction_at, r.satisfaction_at) ELSE r.satisfaction_at END AS score_at
  FROM ticket t LEFT JOIN measured m ON m.ticket_id = t.id LEFT JOIN rated r ON r.ticket_id = t.id
  QUALIFY row_number() OVER (PARTITION BY t.id, t._seen ORDER BY t.updated_at DESC NULLS LAST, t.status, t.priority, t.subject) = 1
), latest AS (
  SELECT * FROM seen QUALIFY row_number() OVER (PARTITION BY id ORDER BY _seen DESC NULLS LAST) = 1
), said AS (
  SELECT ticket_id, author_id, created_at FROM comment WHERE coalesce(public, true)
  UNION ALL
  SELECT audit_ticket_id, coalesce(author_id, audit_author_id), audit_created_at FROM audit_event WHERE type = 'Comment' AND coalesce(public, true)
), role AS (
  SELECT id, any_value(lower(role)) AS role, any_value(email) AS email FROM "user" GROUP BY id
), replied AS ( -- the first public word of somebody of ours
  SELECT t.id, min(c.created_at) AS changed_at FROM said c JOIN latest t ON t.id = c.ticket_id LEFT JOIN role u ON u.id = c.author_id
  WHERE c.created_at > t.created_at AND c.author_id IS DISTINCT FROM t.requester_id AND c.author_id IS NOT NULL AND coalesce(u.role, 'agent') <> 'end-user'
  GROUP BY t.id
), version AS (
  SELECT t.id, t.created_at AS known_at, 'created' AS known_basis, coalesce(f.organization_id, t.organization_key) AS organization_id,
    CASE WHEN f.status_told IS NULL OR NOT f.status_told THEN t.done_at END AS solved_at, NULL::DOUBLE AS reopens, NULL AS priority, NULL AS category,
    CASE WHEN t.score_at IS NOT NULL THEN t.score END AS satisfaction, CASE WHEN t.score IS NOT NULL THEN t.score_at END AS satisfaction_at, false AS deleted
  FROM latest t LEFT JOIN followed f ON f.ticket_id = t.id WHERE t.created_at IS NOT NULL AND (f.first_at > t.created_at OR f.first_at IS NULL)
  UNION ALL
  SELECT t.id, greatest(h.changed_at, t.created_at), 'history', coalesce(h.organization_id, t.organization_key), h.solved_at, h.reopens, h.priority, h.category,
    coalesce(h.satisfaction, CASE WHEN t.score_at IS NOT NULL THEN t.score END), CASE WHEN h.satisfaction IS NULL THEN CASE WHEN t.score IS NOT NULL THEN t.score_at END ELSE h.satisfaction_at END, coalesce(h.status = 'deleted', false)
  FROM history h JOIN latest t ON t.id = h.ticket_id
  QUALIFY row_number() OVER (PARTITION BY t.id, greatest(h.changed_at, t.created_at) ORDER BY h.changed_at DESC) = 1
  UNION ALL
  SELECT t.id, t._seen, t._basis, t.organization_key,
    CASE WHEN t.now IN ('solved', 'closed') THEN coalesce(t.done_at, t.updated_at, t._seen) WHEN t.now IS NULL THEN t.done_at END,
    t.reopened, lower(t.priority), coalesce(t.category, t.type), t.score, CASE WHEN t.score IS NOT NULL THEN t.score_at END, t._deleted OR coalesce(t.now = 'deleted', false)
  FROM seen t LEFT JOIN followed f ON f.ticket_id = t.id
  WHERE (t._seen > t.created_at OR t.created_at IS NULL) AND (f.ticket_id IS NULL OR ((t._deleted OR t.now = 'deleted') AND t._seen > f.first_at))
), told AS (
  SELECT * FROM version WHERE known_at IS NOT NULL WINDOW history AS (PARTITION BY id ORDER BY known_at)
  QUALIFY lag(id) OVER history IS NULL OR ROW(organization_id, solved_at, reopens, priority, category, satisfaction, satisfaction_at, deleted)
    IS DISTINCT FROM lag(ROW(organization_id, solved_at, reopens, priority, category, satisfaction, satisfaction_at, deleted)) OVER history
)
SELECT v.id || ':' || epoch_us(v.known_at) AS source_id, v.id AS ticket_id, v.organization_id AS account_id, t.requester_id AS person_id,
  coalesce(t.requester_email, u.email) AS _email, lower(t.requester_domain) AS _domain, v.known_at, v.known_basis,
  coalesce(t.created_at, v.known_at) AS opened_at,
  coalesce(r.changed_at, CASE WHEN t.minutes > 0 THEN t.created_at + to_microseconds((t.minutes * 60000000)::BIGINT) END) AS first_reply_at,
  v.solved_at, v.reopens, v.priority, v.category, t.came_by AS channel, v.satisfaction, v.satisfaction_at, t.subject, t.description AS body, v.deleted
FROM told v JOIN latest t ON t.id = v.id LEFT JOIN replied r ON r.id = v.id LEFT JOIN role u ON u.id = t.requester_id
-- table: touchpoints
WITH asked AS (
  SELECT id, organization_id, requester_id, requester_email, organization_name, CASE WHEN organization NOT LIKE '{%' THEN organization END AS organization
  FROM ticket QUALIFY row_number() OVER (PARTITION BY id ORDER BY _seen DESC NULLS LAST, updated_at DESC NULLS LAST, requester_id) = 1
), role AS (
  SELECT id, any_value(lower(role)) AS role, any_value(email) AS email FROM "user" GROUP BY id
), said AS (
  SELECT id, ticket_id, author_id, created_at, body FROM comment WHERE coalesce(public, true)
  UNION ALL
  SELECT id, audit_ticket_id, coalesce(author_id, audit_author_id), audit_created_at, body FROM audit_event WHERE type = 'Comment' AND coalesce(public, true)
), written AS (
  SELECT c.*, t.* EXCLUDE (id), coalesce(t.organization_id, t.organization_name, t.organization) AS organization_key, u.email AS author_email,
    CASE WHEN c.author_id = t.requester_id OR u.role = 'end-user' THEN 'in' WHEN t.id IS NOT NULL OR u.role IS NOT NULL THEN 'out' END AS direction
  FROM said c LEFT JOIN asked t ON t.id = c.ticket_id LEFT JOIN role u ON u.id = c.author_id
  WHERE c.created_at IS NOT NULL QUALIFY row_number() OVER (PARTITION BY c.id, c.ticket_id ORDER BY c.created_at, c.body) = 1
)
SELECT 'comment:' || coalesce(w.id, w.ticket_id || ':' || epoch_us(w.created_at)) AS source_id, w.organization_key AS account_id,
  CASE WHEN w.direction = 'in' THEN w.author_id ELSE w.requester_id END AS person_id,
  coalesce(CASE WHEN w.direction = 'in' THEN w.author_email END, w.requester_email, u.email) AS _email,
  w.created_at AS known_at, 'event' AS known_basis, w.created_at AS occurred_at, 'message' AS kind, 'ticket comment' AS subtype, w.direction,
  CASE WHEN w.direction = 'out' THEN w.author_id END AS owner, w.ticket_id AS ref_id, w.body AS text
FROM written w LEFT JOIN role u ON u.id = w.requester_id
-- table: identities
WITH named AS (
  SELECT id, unnest(CASE WHEN domain_names LIKE '[%' THEN coalesce(TRY_CAST(domain_names AS VARCHAR[]), json_extract_string(TRY_CAST(domain_names AS JSON), '$[*]')) ELSE regexp_split_to_array(domain_names, '[\s,;]+') END) AS domain
  FROM organization WHERE domain_names IS NOT NULL
  UNION ALL
  SELECT organization_id, domain_name FROM domain_name
)
SELECT 'account' AS kind, o.id AS source_key, NULL AS account_key, o.external_id, o.crm_id, NULL AS email, site_domain(d.domain) AS domain, o.name
FROM organization o LEFT JOIN named d ON d.id = o.id
UNION ALL
SELECT 'account', coalesce(organization_name, organization), NULL, NULL, NULL, NULL, NULL, coalesce(organization_name, organization)
FROM ticket WHERE organization_id IS NULL AND coalesce(organization_name, organization) NOT LIKE '{%'
UNION ALL
SELECT 'person', id, organization_id, external_id, NULL, email, NULL, name FROM "user" WHERE coalesce(lower(role), 'end-user') = 'end-user'
UNION ALL
SELECT 'person', requester_id, coalesce(organization_id, organization_name, CASE WHEN organization NOT LIKE '{%' THEN organization END), NULL, NULL, requester_email, NULL, NULL
FROM ticket WHERE requester_id IS NOT NULL
