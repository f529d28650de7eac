//! What a statement does with the tables and columns that it names: which it writes, makes or points at.

use seaworthy_core::refs::Access;
use sqlparser::ast::AlterTable;
use sqlparser::ast::AlterTableOperation;
use sqlparser::ast::Assignment;
use sqlparser::ast::AssignmentTarget;
use sqlparser::ast::ColumnDef;
use sqlparser::ast::ColumnOption;
use sqlparser::ast::CommentObject;
use sqlparser::ast::ConflictTarget;
use sqlparser::ast::CopyIntoSnowflakeKind;
use sqlparser::ast::CopySource;
use sqlparser::ast::CreateTable;
use sqlparser::ast::CreateTableLikeKind;
use sqlparser::ast::Delete;
use sqlparser::ast::Expr;
use sqlparser::ast::ForeignKeyConstraint;
use sqlparser::ast::FromTable;
use sqlparser::ast::GrantObjects;
use sqlparser::ast::Ident;
use sqlparser::ast::Insert;
use sqlparser::ast::Merge;
use sqlparser::ast::MergeAction;
use sqlparser::ast::MergeUpdateKind;
use sqlparser::ast::MultiTableInsertIntoClause;
use sqlparser::ast::ObjectName;
use sqlparser::ast::ObjectType;
use sqlparser::ast::OnConflictAction;
use sqlparser::ast::OnInsert;
use sqlparser::ast::OutputClause;
use sqlparser::ast::RenameTableNameKind;
use sqlparser::ast::ShowCreateObject;
use sqlparser::ast::Statement;
use sqlparser::ast::TableConstraint;
use sqlparser::ast::TableFactor;
use sqlparser::ast::TableObject;
use sqlparser::ast::TableWithJoins;
use sqlparser::ast::Update;
use sqlparser::ast::UpdateTableFromKind;

use super::walk::Plain;
use super::walk::Walker;
use super::walk::parts;

/// Tells the walk what a statement does with the names in it.
pub(super) fn statement(walker: &mut Walker<'_>, statement: &Statement) {
    rows(walker, statement);
    tables(walker, statement);
    others(walker, statement);
}

/// Statements about rows.
fn rows(walker: &mut Walker<'_>, statement: &Statement) {
    if let Statement::Insert(one) = statement {
        insert(walker, one);
    } else if let Statement::Update(one) = statement {
        update(walker, one);
    } else if let Statement::Delete(one) = statement {
        delete(walker, one);
    } else if let Statement::Merge(one) = statement {
        merge(walker, one);
    } else if let Statement::Copy {
        source: CopySource::Table { table_name, columns }, to, ..
    } = statement
    {
        let access = if *to { Access::Read } else { Access::Write };
        walker.table(table_name, access, false);
        named(walker, table_name, columns, access);
    } else if let Statement::CopyIntoSnowflake { kind, into, into_columns, from_obj, .. } =
        statement
    {
        match kind {
            CopyIntoSnowflakeKind::Table => {
                walker.table(into, Access::Write, false);
                named(walker, into, into_columns.as_deref().unwrap_or_default(), Access::Write);
            }
            CopyIntoSnowflakeKind::Location => {
                from_obj.iter().for_each(|name| walker.table(name, Access::Read, false));
            }
        }
    } else if let Statement::LoadData { table_name, .. } = statement {
        walker.table(table_name, Access::Write, false);
    } else if let Statement::Truncate(one) = statement {
        one.table_names.iter().for_each(|target| walker.mark(&target.name, false));
    }
}

/// Statements about tables.
fn tables(walker: &mut Walker<'_>, statement: &Statement) {
    if let Statement::CreateTable(one) = statement {
        create_table(walker, one);
    } else if let Statement::CreateVirtualTable { name, .. } = statement {
        walker.mark(name, true);
    } else if let Statement::CreateView(one) = statement {
        walker.mark(&one.name, true);
        let table = Walker::written(&one.name);
        one.columns
            .iter()
            .for_each(|column| walker.column(&table, &column.name, Access::Write, true));
        one.to.iter().for_each(|name| walker.table(name, Access::Write, false));
    } else if let Statement::AlterView { name, .. } = statement {
        walker.mark(name, false);
    } else if let Statement::AlterTable(one) = statement {
        alter_table(walker, one);
    } else if let Statement::RenameTable(all) = statement {
        for one in all {
            walker.table(&one.old_name, Access::Write, false);
            walker.table(&one.new_name, Access::Write, false);
        }
    } else if let Statement::Drop { object_type, names, table, .. } = statement {
        if matches!(
            object_type,
            ObjectType::Table | ObjectType::View | ObjectType::MaterializedView
        ) {
            names.iter().for_each(|name| walker.table(name, Access::Write, false));
        }
        table.iter().for_each(|name| walker.table(name, Access::Read, false));
    } else if let Statement::CreateIndex(one) = statement {
        let table = Walker::written(&one.table_name);
        let columns = one.columns.iter().filter_map(|column| bare(&column.column.expr));
        columns
            .chain(&one.include)
            .for_each(|column| walker.column(&table, column, Access::Read, false));
    } else if let Statement::CreateTrigger(one) = statement {
        walker.table(&one.table_name, Access::Read, false);
        one.referenced_table_name.iter().for_each(|name| walker.table(name, Access::Read, false));
    } else if let Statement::DropTrigger(one) = statement {
        one.table_name.iter().for_each(|name| walker.table(name, Access::Read, false));
    }
}

/// Statements that only point at tables.
fn others(walker: &mut Walker<'_>, statement: &Statement) {
    if let Statement::Grant(one) = statement {
        one.objects.iter().for_each(|objects| granted(walker, objects));
    } else if let Statement::Revoke(one) = statement {
        one.objects.iter().for_each(|objects| granted(walker, objects));
    } else if let Statement::Deny(one) = statement {
        granted(walker, &one.objects);
    } else if let Statement::Comment { object_type, object_name, .. } = statement {
        if matches!(
            object_type,
            CommentObject::Table | CommentObject::View | CommentObject::MaterializedView
        ) {
            walker.table(object_name, Access::Read, false);
        } else if let (CommentObject::Column, [table @ .., column]) =
            (object_type, parts(object_name).as_slice())
        {
            walker.table_parts(table, Access::Read, false);
            let table: Vec<&str> = table.iter().map(|part| part.value.as_str()).collect();
            walker.column(&table.join("."), column, Access::Read, false);
        }
    } else if let Statement::Vacuum(one) = statement {
        one.table_name.iter().for_each(|name| walker.table(name, Access::Read, false));
    } else if let Statement::OptimizeTable { name, .. } = statement {
        walker.table(name, Access::Read, false);
    } else if let Statement::LockTables { tables } = statement {
        tables.iter().for_each(|one| walker.table_parts(&[&one.table], Access::Read, false));
    } else if let Statement::Flush { tables, .. } = statement {
        tables.iter().for_each(|name| walker.table(name, Access::Read, false));
    } else if let Statement::ShowCreate {
        obj_type: ShowCreateObject::Table | ShowCreateObject::View,
        obj_name,
    } = statement
    {
        walker.table(obj_name, Access::Read, false);
    } else if matches!(
        statement,
        Statement::ShowTables { .. }
            | Statement::ShowViews { .. }
            | Statement::ShowObjects(_)
            | Statement::ShowSchemas { .. }
            | Statement::ShowDatabases { .. }
            | Statement::ShowCatalogs { .. }
    ) {
        walker.mute();
    }
}

fn granted(walker: &mut Walker<'_>, objects: &GrantObjects) {
    if let GrantObjects::Tables(names) | GrantObjects::Views(names) = objects {
        names.iter().for_each(|name| walker.table(name, Access::Read, false));
    }
}

/// Adds columns of a table by their own names.
fn named<'a>(
    walker: &mut Walker<'_>,
    table: &ObjectName,
    columns: impl IntoIterator<Item = &'a Ident>,
    access: Access,
) {
    let table = Walker::written(table);
    columns.into_iter().for_each(|column| walker.column(&table, column, access, false));
}

fn insert(walker: &mut Walker<'_>, one: &Insert) {
    let clauses = one.multi_table_into_clauses.iter();
    let when = one.multi_table_when_clauses.iter().flat_map(|when| &when.into_clauses);
    clauses
        .chain(when)
        .chain(one.multi_table_else_clause.iter().flatten())
        .for_each(|clause| into(walker, clause));
    let TableObject::TableName(name) = &one.table else { return };
    walker.mark(name, false);
    named(
        walker,
        name,
        one.columns.iter().filter_map(|column| parts(column).last().copied()),
        Access::Write,
    );
    named(walker, name, &one.after_columns, Access::Write);
    assigned(walker, &one.assignments, Some(name));
    match &one.on {
        Some(OnInsert::DuplicateKeyUpdate(assignments)) => {
            assigned(walker, assignments, Some(name));
        }
        Some(OnInsert::OnConflict(conflict)) => {
            if let Some(ConflictTarget::Columns(columns)) = &conflict.conflict_target {
                named(walker, name, columns, Access::Read);
            }
            if let OnConflictAction::DoUpdate(update) = &conflict.action {
                assigned(walker, &update.assignments, Some(name));
            }
        }
        Some(_) | None => {}
    }
    output(walker, one.output.as_ref());
}

fn into(walker: &mut Walker<'_>, clause: &MultiTableInsertIntoClause) {
    walker.table(&clause.table_name, Access::Write, false);
    named(walker, &clause.table_name, &clause.columns, Access::Write);
}

/// `OUTPUT … INTO` writes a table, too.
fn output(walker: &mut Walker<'_>, output: Option<&OutputClause>) {
    let Some(OutputClause::Output { into_table: Some(into), .. }) = output else { return };
    for target in &into.targets {
        if let Some(one) = bare(target) {
            walker.table_parts(&[one], Access::Write, false);
        } else if let Expr::CompoundIdentifier(all) = target {
            let all: Vec<&Ident> = all.iter().collect();
            walker.table_parts(&all, Access::Write, false);
        }
    }
}

fn bare(expr: &Expr) -> Option<&Ident> {
    if let Expr::Identifier(ident) = expr { Some(ident) } else { None }
}

/// Adds the columns that are set: of the table in front of each, or else of the one that the statement writes.
fn assigned(walker: &mut Walker<'_>, assignments: &[Assignment], table: Option<&ObjectName>) {
    for one in assignments {
        let names = match &one.target {
            AssignmentTarget::ColumnName(name) => std::slice::from_ref(name),
            AssignmentTarget::Tuple(names) => names.as_slice(),
        };
        for name in names {
            match (parts(name).as_slice(), table) {
                ([column], Some(table)) => named(walker, table, [*column], Access::Write),
                (path, _) => walker.qualified(path, Access::Write),
            }
        }
    }
}

/// Returns the tables by name of a `FROM`.
fn plain<'a>(from: impl IntoIterator<Item = &'a TableWithJoins>) -> Vec<Plain<'a>> {
    let mut all = Vec::new();
    for one in from {
        for factor in
            std::iter::once(&one.relation).chain(one.joins.iter().map(|join| &join.relation))
        {
            if let TableFactor::Table { name, alias, args: None, .. } = factor {
                all.push(Plain { name, alias: alias.as_ref().map(|alias| &alias.name) });
            } else if let TableFactor::NestedJoin { table_with_joins, .. } = factor {
                all.extend(plain([table_with_joins.as_ref()]));
            }
        }
    }
    all
}

/// Returns the table that a name of a target means: the one that is called so, or by its own name.
fn meant<'a>(target: &ObjectName, among: &[Plain<'a>]) -> Option<&'a ObjectName> {
    let words = parts(target);
    let [.., last] = words.as_slice() else { return None };
    let called = |ident: &Ident| ident.value.eq_ignore_ascii_case(&last.value);
    let by_alias = among.iter().find(|one| words.len() == 1 && one.alias.is_some_and(called));
    let by_name = || {
        among.iter().find(|one| {
            one.alias.is_none() && parts(one.name).last().is_some_and(|own| called(own))
        })
    };
    by_alias.or_else(by_name).map(|one| one.name)
}

fn update(walker: &mut Walker<'_>, one: &Update) {
    let from = match &one.from {
        Some(UpdateTableFromKind::BeforeSet(from) | UpdateTableFromKind::AfterSet(from)) => {
            from.as_slice()
        }
        None => &[],
    };
    walker.know(from);
    walker.know([&one.table]);
    let mut target = None;
    if let TableFactor::Table { name, alias, args: None, .. } = &one.table.relation {
        let by_alias: Vec<Plain<'_>> = plain(from)
            .into_iter()
            .chain(plain([&one.table]))
            .filter(|one| one.alias.is_some())
            .collect();
        match meant(name, &by_alias).filter(|_| alias.is_none()) {
            Some(meant) => {
                walker.hide(name);
                walker.mark(meant, false);
                target = Some(meant);
            }
            None => {
                walker.mark(name, false);
                target = Some(name);
            }
        }
    }
    // `UPDATE a JOIN b SET b.x = …` writes the table that stands before the column.
    let among = plain([&one.table]);
    for assignment in &one.assignments {
        if let AssignmentTarget::ColumnName(column) = &assignment.target
            && let [table, _] = parts(column).as_slice()
            && let Some(meant) = meant(&ObjectName::from(vec![(*table).clone()]), &among)
        {
            walker.mark(meant, false);
        }
    }
    let joined = among.len() > 1;
    assigned(walker, &one.assignments, target.filter(|_| !joined));
    output(walker, one.output.as_ref());
}

fn delete(walker: &mut Walker<'_>, one: &Delete) {
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = &one.from;
    let using = one.using.as_deref().unwrap_or_default();
    walker.know(using);
    walker.know(from);
    if one.tables.is_empty() {
        let among = plain(using);
        for target in from {
            if let TableFactor::Table { name, alias, args: None, .. } = &target.relation {
                match meant(name, &among).filter(|_| alias.is_none()) {
                    Some(meant) => {
                        walker.hide(name);
                        walker.mark(meant, false);
                    }
                    None => walker.mark(name, false),
                }
            }
        }
    } else {
        let among = plain(from);
        for target in &one.tables {
            match meant(target, &among) {
                Some(meant) => walker.mark(meant, false),
                None => walker.table(target, Access::Write, false),
            }
        }
    }
    output(walker, one.output.as_ref());
}

fn merge(walker: &mut Walker<'_>, one: &Merge) {
    walker.know_factor(&one.source);
    walker.know_factor(&one.table);
    output(walker, one.output.as_ref());
    let TableFactor::Table { name, args: None, .. } = &one.table else { return };
    walker.mark(name, false);
    for clause in &one.clauses {
        match &clause.action {
            MergeAction::Insert(insert) => {
                let columns =
                    insert.columns.iter().filter_map(|column| parts(column).last().copied());
                named(walker, name, columns, Access::Write);
            }
            MergeAction::Update(update) => {
                if let MergeUpdateKind::Set(assignments) = &update.kind {
                    assigned(walker, assignments, Some(name));
                }
            }
            MergeAction::Delete { .. } | MergeAction::DoNothing { .. } => {}
        }
    }
}

fn create_table(walker: &mut Walker<'_>, one: &CreateTable) {
    walker.mark(&one.name, true);
    let table = Walker::written(&one.name);
    for column in &one.columns {
        walker.column(&table, &column.name, Access::Write, true);
        references(walker, column);
    }
    one.constraints.iter().for_each(|constraint| constrained(walker, constraint));
    one.clone
        .iter()
        .chain(one.inherits.iter().flatten())
        .for_each(|name| walker.table(name, Access::Read, false));
    if let Some(CreateTableLikeKind::Parenthesized(like) | CreateTableLikeKind::Plain(like)) =
        &one.like
    {
        walker.table(&like.name, Access::Read, false);
    }
}

fn references(walker: &mut Walker<'_>, column: &ColumnDef) {
    for option in &column.options {
        if let ColumnOption::ForeignKey(key) = &option.option {
            foreign_key(walker, key);
        }
    }
}

fn constrained(walker: &mut Walker<'_>, constraint: &TableConstraint) {
    if let TableConstraint::ForeignKey(key) = constraint {
        foreign_key(walker, key);
    }
}

fn foreign_key(walker: &mut Walker<'_>, key: &ForeignKeyConstraint) {
    walker.table(&key.foreign_table, Access::Read, false);
    named(walker, &key.foreign_table, &key.referred_columns, Access::Read);
}

fn alter_table(walker: &mut Walker<'_>, one: &AlterTable) {
    walker.mark(&one.name, false);
    for operation in &one.operations {
        altered(walker, &one.name, operation);
    }
}

fn altered(walker: &mut Walker<'_>, table: &ObjectName, operation: &AlterTableOperation) {
    let mut columns = |all: &[&Ident]| named(walker, table, all.iter().copied(), Access::Write);
    if let AlterTableOperation::AddColumn { column_def, .. } = operation {
        columns(&[&column_def.name]);
        references(walker, column_def);
    } else if let AlterTableOperation::DropColumn { column_names, .. } = operation {
        columns(&column_names.iter().collect::<Vec<_>>());
    } else if let AlterTableOperation::RenameColumn { old_column_name, new_column_name } = operation
    {
        columns(&[old_column_name, new_column_name]);
    } else if let AlterTableOperation::ChangeColumn { old_name, new_name, .. } = operation {
        columns(&[old_name, new_name]);
    } else if let AlterTableOperation::ModifyColumn { col_name, .. } = operation {
        columns(&[col_name]);
    } else if let AlterTableOperation::AlterColumn { column_name, .. } = operation {
        columns(&[column_name]);
    } else if let AlterTableOperation::AddConstraint { constraint, .. } = operation {
        constrained(walker, constraint);
    } else if let AlterTableOperation::RenameTable {
        table_name: RenameTableNameKind::As(name) | RenameTableNameKind::To(name),
    }
    | AlterTableOperation::SwapWith { table_name: name } = operation
    {
        walker.table(name, Access::Write, false);
    }
}
