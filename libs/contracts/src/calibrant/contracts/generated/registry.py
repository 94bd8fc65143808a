"""Every message by its full name. Generated from proto/. Do not edit."""

import calibrant.contracts.archive.v1 as archive
import calibrant.contracts.camera.v1 as camera
import calibrant.contracts.certify.v1 as certify
import calibrant.contracts.combine.v1 as combine
import calibrant.contracts.common.v1 as common
import calibrant.contracts.ingest.v1 as ingest
import calibrant.contracts.sequencer.v1 as sequencer
import calibrant.contracts.verify.v1 as verify
from calibrant.contracts.base import Message

MESSAGES: dict[str, type[Message]] = {
    "calibrant.archive.v1.ProductPublished": archive.ProductPublished,
    "calibrant.archive.v1.ProductWithdrawn": archive.ProductWithdrawn,
    "calibrant.camera.v1.CommandAck": camera.CommandAck,
    "calibrant.camera.v1.CommandHeader": camera.CommandHeader,
    "calibrant.camera.v1.Disable": camera.Disable,
    "calibrant.camera.v1.Enable": camera.Enable,
    "calibrant.camera.v1.EndOfImageTelemetry": camera.EndOfImageTelemetry,
    "calibrant.camera.v1.EndReadout": camera.EndReadout,
    "calibrant.camera.v1.EnterControl": camera.EnterControl,
    "calibrant.camera.v1.ErrorCode": camera.ErrorCode,
    "calibrant.camera.v1.ExitControl": camera.ExitControl,
    "calibrant.camera.v1.ExposureStored": camera.ExposureStored,
    "calibrant.camera.v1.FitsFilesWritten": camera.FitsFilesWritten,
    "calibrant.camera.v1.Heartbeat": camera.Heartbeat,
    "calibrant.camera.v1.Image": camera.Image,
    "calibrant.camera.v1.ImageStored": camera.ImageStored,
    "calibrant.camera.v1.Standby": camera.Standby,
    "calibrant.camera.v1.Start": camera.Start,
    "calibrant.camera.v1.StartIntegration": camera.StartIntegration,
    "calibrant.camera.v1.StartReadout": camera.StartReadout,
    "calibrant.camera.v1.StoredFile": camera.StoredFile,
    "calibrant.camera.v1.SummaryStateChanged": camera.SummaryStateChanged,
    "calibrant.camera.v1.TakeImages": camera.TakeImages,
    "calibrant.certify.v1.CalibrationCertified": certify.CalibrationCertified,
    "calibrant.certify.v1.CalibrationWithdrawn": certify.CalibrationWithdrawn,
    "calibrant.certify.v1.CertificationRefused": certify.CertificationRefused,
    "calibrant.certify.v1.CertifyJob": certify.CertifyJob,
    "calibrant.certify.v1.CollectionChanged": certify.CollectionChanged,
    "calibrant.certify.v1.DecisionMade": certify.DecisionMade,
    "calibrant.certify.v1.StageReached": certify.StageReached,
    "calibrant.combine.v1.CombineJob": combine.CombineJob,
    "calibrant.common.v1.DataRef": common.DataRef,
    "calibrant.common.v1.JobDone": common.JobDone,
    "calibrant.common.v1.JobFailed": common.JobFailed,
    "calibrant.common.v1.JobInput": common.JobInput,
    "calibrant.common.v1.Product": common.Product,
    "calibrant.common.v1.TaiTime": common.TaiTime,
    "calibrant.common.v1.TimeRange": common.TimeRange,
    "calibrant.ingest.v1.FolderScanned": ingest.FolderScanned,
    "calibrant.ingest.v1.Frame": ingest.Frame,
    "calibrant.ingest.v1.FrameIngested": ingest.FrameIngested,
    "calibrant.ingest.v1.FrameRejected": ingest.FrameRejected,
    "calibrant.ingest.v1.IngestFile": ingest.IngestFile,
    "calibrant.sequencer.v1.ExposureRequest": sequencer.ExposureRequest,
    "calibrant.sequencer.v1.FolderIngestRequested": sequencer.FolderIngestRequested,
    "calibrant.sequencer.v1.RunFinished": sequencer.RunFinished,
    "calibrant.sequencer.v1.RunProgress": sequencer.RunProgress,
    "calibrant.sequencer.v1.RunRequested": sequencer.RunRequested,
    "calibrant.verify.v1.DecideJob": verify.DecideJob,
    "calibrant.verify.v1.DetectorDecision": verify.DetectorDecision,
    "calibrant.verify.v1.Gate": verify.Gate,
    "calibrant.verify.v1.GateCounts": verify.GateCounts,
    "calibrant.verify.v1.GateTypeCount": verify.GateTypeCount,
    "calibrant.verify.v1.InForce": verify.InForce,
    "calibrant.verify.v1.MeasureJob": verify.MeasureJob,
    "calibrant.verify.v1.MeasurementCompleted": verify.MeasurementCompleted,
    "calibrant.verify.v1.VerificationCompleted": verify.VerificationCompleted,
}
