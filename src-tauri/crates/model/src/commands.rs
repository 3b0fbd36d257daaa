//! The list of commands: `name(Request) -> Response`, declared once. The app's dispatch, the window's adapter and the
//! TypeScript types are made from it.

/// Hands the list to a macro: `for_each_command!(with)` expands to `with! { name(Request) -> Response; ... }`, types
/// from [`crate::api`].
#[macro_export]
macro_rules! for_each_command {
    ($with:path) => {
        $with! {
            workspace_show(Nothing) -> WorkspaceSummary;
            workspace_open(WorkspaceOpenRequest) -> WorkspaceSummary;
            counts_show(CountsRequest) -> Counts;

            cluster_list(Nothing) -> Vec<ClusterSummary>;
            cluster_show(ClusterRequest) -> ClusterOverview;
            cluster_test(ClusterRequest) -> ConnectionTest;
            broker_list(ClusterRequest) -> BrokerList;
            broker_config(BrokerRequest) -> Vec<ConfigEntry>;
            acl_list(AclRequest) -> Vec<Acl>;
            quota_list(ClusterRequest) -> Vec<Quota>;
            topic_list(ClusterRequest) -> TopicList;
            cluster_definition(ClusterRequest) -> ClusterDefined;
            cluster_try(ClusterSaveRequest) -> ConnectionTest;
            cluster_save(ClusterSaveRequest) -> ClusterSummary;
            import_preview(ImportRequest) -> Import;
            import_run(ImportRequest) -> Import;
            topic_show(TopicRequest) -> TopicDetail;
            topic_config(TopicRequest) -> Vec<ConfigEntry>;
            topic_change_preview(TopicChangeRequest) -> TopicChangePreview;
            topic_change_apply(TopicChangeRequest) -> TopicChanged;
            topic_compare(TopicCompareRequest) -> TopicComparison;
            tail_start(TailRequest) -> TailStarted;
            tail_pause(ViewRequest) -> Nothing;
            tail_resume(ViewRequest) -> Nothing;
            tail_stop(ViewRequest) -> TailStatus;
            tail_close(ViewRequest) -> Nothing;
            tail_status(ViewRequest) -> TailStatus;
            tail_rows(TailRowsRequest) -> TailRows;
            record_show(RecordRequest) -> RecordDetail;
            record_text(RecordTextRequest) -> RecordText;
            record_bytes(RecordBytesRequest) -> RecordBytes;
            record_compare(RecordCompareRequest) -> RecordDifferences;
            format_list(Nothing) -> Vec<FormatSummary>;
            topic_formats_save(TopicFormatsRequest) -> Nothing;
            group_list(ClusterRequest) -> Vec<GroupSummary>;
            group_show(GroupRequest) -> GroupDetail;
            lag_chart(LagChartRequest) -> Chart;
            group_reset_preview(ResetRequest) -> ResetPlan;
            group_reset(ResetApply) -> ResetPlan;
            group_delete(GroupDelete) -> Nothing;
            alert_list(Nothing) -> Vec<AlertSummary>;
            alert_preview(AlertRequest) -> AlertPreview;
            alert_test(AlertRequest) -> AlertTested;
            alert_save(AlertSaveRequest) -> Nothing;
            alert_delete(Named) -> Nothing;

            connect_list(ClusterRequest) -> ConnectOverview;
            connector_show(ConnectorRequest) -> ConnectorDetail;
            connector_act(ConnectorActRequest) -> ConnectorSummary;

            subject_list(SubjectListRequest) -> SubjectList;
            subject_show(SubjectRequest) -> SubjectDetail;
            schema_show(SchemaRequest) -> SchemaVersion;
            schema_compare(SchemaCompareRequest) -> SchemaComparison;
            schema_check(SchemaCheckRequest) -> SchemaCheck;
            schema_file(SchemaFileRequest) -> SchemaFile;
            schema_change_preview(SchemaChangeRequest) -> SchemaChangePreview;
            schema_change_apply(SchemaChangeRequest) -> SchemaChanged;

            record_produce(ProduceRequest) -> Produced;
            file_produce(ProduceFileRequest) -> ProduceOutcome;
            topic_copy(CopyRequest) -> CopyOutcome;
            tail_export(TailExportRequest) -> TailExport;

            source_list(Nothing) -> Vec<SourceSummary>;
            malformed_list(PageRequest) -> Vec<MalformedRecord>;
            source_preview(SourcePreviewRequest) -> SourcePreview;
            source_transform_save(SourceTransformRequest) -> Nothing;
            source_replay(SourceReplayRequest) -> SourceReplay;
            quarantine_list(QuarantineRequest) -> QuarantineList;
            quarantine_show(QuarantineShowRequest) -> QuarantineDetail;
            quarantine_replay(QuarantineReplayRequest) -> QuarantineReplay;
            violation_list(ViolationRequest) -> ViolationList;
            violation_chart(ViolationChartRequest) -> Chart;
            plan_list(Nothing) -> Vec<PlanSummary>;
            plan_show(Named) -> PlanDetail;
            plan_infer(PlanInferRequest) -> PlanInferred;
            plan_save(PlanSaveRequest) -> PlanDetail;
            plan_diff(PlanDiffRequest) -> PlanDifference;
            profile_search(SearchRequest) -> ProfileList;
            profile_show(ProfileRequest) -> ProfileDetail;
            profile_events(ProfileEventsRequest) -> ProfileEvents;
            profile_graph(ProfileRequest) -> ProfileGraph;
            trait_history(ProfileRequest) -> TraitHistory;
            profile_merges(ProfileRequest) -> Vec<Merge>;
            merge_undo_preview(MergeRequest) -> MergeUndoPreview;
            merge_undo(MergeRequest) -> MergeUndone;
            merge_allow(MergeRequest) -> Merge;
            profile_delete_preview(ProfileDeleteRequest) -> PersonPreview;
            profile_delete(ProfileDeleteRequest) -> PersonChanged;
            profile_suppress_preview(SuppressRequest) -> PersonPreview;
            profile_suppress(SuppressRequest) -> PersonChanged;
            suppression_list(Nothing) -> Vec<Suppression>;
            profile_export(ProfileExportRequest) -> FileWritten;
            observed_show(Nothing) -> Observed;
            trait_list(Nothing) -> Vec<TraitSummary>;
            trait_show(Named) -> TraitDetail;
            trait_preview(TraitPreviewRequest) -> TraitPreview;
            trait_save(TraitSaveRequest) -> TraitDetail;
            audience_list(Nothing) -> Vec<AudienceSummary>;
            audience_show(Named) -> AudienceDetail;
            audience_preview(AudiencePreviewRequest) -> AudiencePreview;
            audience_save(AudienceSaveRequest) -> AudienceDetail;
            audience_run(Named) -> AudienceSummary;
            audience_members(MembersRequest) -> MemberList;
            audience_changes(MembersRequest) -> MembershipChanges;
            audience_explain(ExplainRequest) -> Explanation;
            audience_chart(AudienceChartRequest) -> Chart;
            audience_export(AudienceExportRequest) -> FileWritten;

            destination_list(Nothing) -> Vec<DestinationSummary>;
            destination_test(Named) -> DestinationTest;
            sync_list(Nothing) -> Vec<SyncSummary>;
            sync_run(SyncRunRequest) -> SyncOutcome;
            sync_runs(PageRequest) -> Vec<SyncRun>;

            sql_start(SqlRequest) -> SqlStarted;
            sql_status(ViewRequest) -> SqlStatus;
            sql_rows(RowsRequest) -> Rows;
            sql_stop(ViewRequest) -> SqlStatus;
            sql_close(ViewRequest) -> Nothing;
            sql_export(SqlExportRequest) -> FileWritten;
            sql_catalog(Nothing) -> SqlCatalog;
            sql_topic(TopicRef) -> SqlTable;

            activity_list(Nothing) -> Vec<Activity>;
            activity_cancel(ActivityRequest) -> Nothing;
        }
    };
}
