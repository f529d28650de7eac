//! What n8n's API takes in a workflow: which keys, of which type. Anything else it refuses with a 400, so it is left out
//! and said.
//!
//! From the server's own schema, 2.41.1: `base-workflow-public.dto.js`.

use serde_json::Value;

use super::numbers;

/// What a value must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Type {
    /// True or false.
    Bool,
    /// Text.
    Text,
    /// A number.
    Number,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// An object.
    Object,
    /// A list.
    List,
    /// A list of two numbers.
    Point,
}

impl Type {
    /// Tells whether a value is of this type.
    pub(crate) fn fits(self, value: &Value) -> bool {
        match self {
            Self::Bool => value.is_boolean(),
            Self::Text => value.is_string(),
            Self::Number => numbers::is_number(value),
            Self::OneOf(words) => value.as_str().is_some_and(|text| words.contains(&text)),
            Self::Object => value.is_object(),
            Self::List => value.is_array(),
            Self::Point => value
                .as_array()
                .is_some_and(|list| list.len() == 2 && list.iter().all(numbers::is_number)),
        }
    }

    /// Returns what it must be, as a phrase.
    pub(crate) fn phrase(self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::Number => "a number".to_owned(),
            Self::OneOf(words) => format!("one of {}", words.join(", ")),
            Self::Object => "an object".to_owned(),
            Self::List => "a list".to_owned(),
            Self::Point => "a list of two numbers".to_owned(),
        }
    }
}

/// The keys of a node.
pub(crate) const NODE: [(&str, Type); 18] = [
    ("id", Type::Text),
    ("name", Type::Text),
    ("webhookId", Type::Text),
    ("disabled", Type::Bool),
    ("notesInFlow", Type::Bool),
    ("notes", Type::Text),
    ("type", Type::Text),
    ("typeVersion", Type::Number),
    ("executeOnce", Type::Bool),
    ("alwaysOutputData", Type::Bool),
    ("retryOnFail", Type::Bool),
    ("maxTries", Type::Number),
    ("waitBetweenTries", Type::Number),
    ("continueOnFail", Type::Bool),
    ("onError", Type::Text),
    ("position", Type::Point),
    ("parameters", Type::Object),
    ("credentials", Type::Object),
];

/// A key of a node that is taken, and whose parts are not looked at.
pub(crate) const NODE_TELEMETRY: &str = "customTelemetryTags";

/// The keys of `settings` that can be written.
pub(crate) const SETTINGS: [(&str, Type); 15] = [
    ("saveExecutionProgress", Type::Bool),
    ("saveManualExecutions", Type::Bool),
    ("saveDataErrorExecution", Type::OneOf(&["all", "none"])),
    ("saveDataSuccessExecution", Type::OneOf(&["all", "none"])),
    ("executionTimeout", Type::Number),
    ("errorWorkflow", Type::Text),
    ("timezone", Type::Text),
    ("executionOrder", Type::Text),
    ("callerPolicy", Type::OneOf(&["any", "none", "workflowsFromAList", "workflowsFromSameOwner"])),
    ("callerIds", Type::Text),
    ("timeSavedMode", Type::OneOf(&["fixed", "dynamic"])),
    ("timeSavedPerExecution", Type::Number),
    ("redactionPolicy", Type::OneOf(&["none", "non-manual", "manual-only", "all"])),
    ("availableInMCP", Type::Bool),
    ("customTelemetryTags", Type::List),
];

/// Keys of `settings` that n8n works out itself: what is sent is dropped without a word.
pub(crate) const SETTINGS_DERIVED: [&str; 2] = ["binaryMode", "credentialResolverId"];

/// Returns what must be sent so that n8n takes a setting away; nothing if it cannot be taken away through the API.
///
/// `DEFAULT` is understood for the settings that save executions, too, but the API does not let it through.
pub(crate) fn reset(setting: &str) -> Option<Value> {
    match setting {
        "timezone" | "errorWorkflow" => Some(Value::from("DEFAULT")),
        "executionTimeout" => Some(Value::from(-1)),
        _ => None,
    }
}

/// Tells whether a setting has the value that stands for "as everywhere": n8n removes it, or treats it as not there.
pub(crate) fn is_default(setting: &str, value: &Value) -> bool {
    const DEFAULTING: [&str; 6] = [
        "errorWorkflow",
        "timezone",
        "saveDataErrorExecution",
        "saveDataSuccessExecution",
        "saveManualExecutions",
        "saveExecutionProgress",
    ];
    value.is_null()
        || (DEFAULTING.contains(&setting) && value.as_str() == Some("DEFAULT"))
        || (setting == "executionTimeout" && value.as_f64() == Some(-1.0))
}

/// Top-level keys that n8n sets itself.
pub(crate) const READ_ONLY: [&str; 18] = [
    "id",
    "activeVersion",
    "activeVersionId",
    "createdAt",
    "homeProject",
    "meta",
    "parentFolder",
    "parentFolderId",
    "scopes",
    "shared",
    "sharedWithProjects",
    "sourceWorkflowId",
    "triggerCount",
    "updatedAt",
    "usedCredentials",
    "versionCounter",
    "versionId",
    "versionMetadata",
];

/// Types of nodes to which n8n gives a `webhookId` when it saves them without one, and from which version on.
///
/// Nodes of other packages have one if they are triggers: one that is not needed does no harm.
pub(crate) fn has_webhook_id(node_type: &str, version: Option<f64>) -> bool {
    if let Some(name) = node_type.strip_prefix("n8n-nodes-base.") {
        // n8n makes a tool of many a node; it has what the node has.
        let tool_of = name.strip_suffix("HitlTool").or_else(|| name.strip_suffix("Tool"));
        let name = tool_of.unwrap_or(name);
        let since = BASE_SINCE.iter().find(|(known, _)| *known == name).map(|(_, since)| *since);
        return BASE.contains(&name)
            || since.is_some_and(|since| version.is_none_or(|version| version >= since));
    }
    if let Some(name) = node_type.strip_prefix("@n8n/n8n-nodes-langchain.") {
        return ["chat", "chatTrigger", "mcpTrigger", "microsoftAgent365Trigger"].contains(&name);
    }
    node_type.ends_with("Trigger")
}

const BASE_SINCE: [(&str, f64); 6] = [
    ("discord", 2.0),
    ("emailSend", 2.0),
    ("gmail", 2.0),
    ("microsoftOutlook", 2.0),
    ("microsoftTeams", 2.0),
    ("slack", 2.0),
];

const BASE: [&str; 79] = [
    "activeCampaignTrigger",
    "acuitySchedulingTrigger",
    "affinityTrigger",
    "asanaTrigger",
    "autopilotTrigger",
    "awsSnsTrigger",
    "bitbucketTrigger",
    "boxTrigger",
    "calTrigger",
    "calendlyTrigger",
    "chargebeeTrigger",
    "ciscoWebexTrigger",
    "clickUpTrigger",
    "convertKitTrigger",
    "copperTrigger",
    "currentsTrigger",
    "customerIoTrigger",
    "emeliaTrigger",
    "eventbriteTrigger",
    "facebookLeadAdsTrigger",
    "facebookTrigger",
    "figmaTrigger",
    "flowTrigger",
    "form",
    "formIoTrigger",
    "formTrigger",
    "formstackTrigger",
    "getResponseTrigger",
    "github",
    "githubTrigger",
    "gitlabTrigger",
    "googleChat",
    "gumroadTrigger",
    "helpScoutTrigger",
    "hubspotTrigger",
    "invoiceNinjaTrigger",
    "jiraTrigger",
    "jotFormTrigger",
    "keapTrigger",
    "koBoToolboxTrigger",
    "lemlistTrigger",
    "linearTrigger",
    "loneScaleTrigger",
    "mailchimpTrigger",
    "mailerLiteTrigger",
    "mailjetTrigger",
    "mauticTrigger",
    "microsoftTeamsTrigger",
    "netlifyTrigger",
    "onfleetTrigger",
    "payPalTrigger",
    "pipedriveTrigger",
    "postmarkTrigger",
    "pushcutTrigger",
    "sendInBlueTrigger",
    "shopifyTrigger",
    "slackTrigger",
    "stravaTrigger",
    "stripeTrigger",
    "surveyMonkeyTrigger",
    "taigaTrigger",
    "telegram",
    "telegramTrigger",
    "theHiveProjectTrigger",
    "theHiveTrigger",
    "trelloTrigger",
    "twilioTrigger",
    "typeformTrigger",
    "venafiTlsProtectCloudTrigger",
    "wait",
    "webflowTrigger",
    "webhook",
    "whatsApp",
    "whatsAppTrigger",
    "wiseTrigger",
    "wooCommerceTrigger",
    "workableTrigger",
    "wufooTrigger",
    "zendeskTrigger",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// As n8n 2.41.1 did when it saved them.
    #[test]
    fn a_webhook_id_is_made_up_where_n8n_would() {
        for (node_type, version, expected) in [
            ("n8n-nodes-base.webhook", None, true),
            ("n8n-nodes-base.wait", Some(1.1), true),
            ("n8n-nodes-base.telegramTool", Some(1.2), true),
            ("n8n-nodes-base.githubTool", Some(1.0), true),
            ("n8n-nodes-base.slack", Some(1.0), false),
            ("n8n-nodes-base.slack", Some(2.3), true),
            ("n8n-nodes-base.scheduleTrigger", Some(1.2), false),
            ("n8n-nodes-base.set", Some(3.4), false),
            ("@n8n/n8n-nodes-langchain.chatTrigger", Some(1.1), true),
            ("@n8n/n8n-nodes-langchain.agent", Some(2.0), false),
            ("n8n-nodes-other.thingTrigger", None, true),
        ] {
            assert_eq!(has_webhook_id(node_type, version), expected, "{node_type}");
        }
    }
}
